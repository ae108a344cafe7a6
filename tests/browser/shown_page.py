"""One page in the browser, as a user has it: what is shown, and how one gets there."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

PATIENCE_S: Final = 20.0
SETTLED: Final = """async (patience) => {
  const settled = () => {
    const page = window.driftlabPage;
    if (!page || !page.performance || page.state.timer || page.search.timer) return false;
    return page.panes.every((pane) => pane.run.engine.waiting.size === 0
      && pane.tiles.isSharp && !pane.tiles.asked.size && !pane.waiting);
  };
  const end = performance.now() + patience;
  for (let quiet = 0; quiet < 2; quiet = settled() ? quiet + 1 : 0) {
    if (performance.now() > end) return false;
    await new Promise((done) => setTimeout(done, 8));
  }
  return true;
}"""
PLACE: Final = """async ([number, row]) => {
  const pane = window.driftlabPage.panes[number];
  const [x] = await pane.run.positions(pane.view.axis, pane.view.idle, [row]);
  const box = pane.drawing.getBoundingClientRect();
  return [box.left + pane.xOf(x), box.top + pane.yOf(pane.run.laneOf(row))];
}"""
PIXEL: Final = """([number, x, y]) => {
  const pane = window.driftlabPage.panes[number];
  pane.draw();
  const box = pane.canvas.getBoundingClientRect();
  const at = [(x - box.left) * pane.dpr, (y - box.top) * pane.dpr].map(Math.round);
  return Array.from(pane.canvas.getContext("2d").getImageData(...at, 1, 1).data).slice(0, 3);
}"""
DRAWN: Final = """([number, left, right]) => {
  const pane = window.driftlabPage.panes[number];
  pane.draw();
  const [w, h] = [pane.canvas.width, pane.canvas.height];
  const [x, wide] = [Math.floor(left * w), Math.max(1, Math.floor((right - left) * w))];
  const pixels = pane.canvas.getContext("2d").getImageData(x, 30, wide, pane.lanesHeight - 10).data;
  let coloured = 0;
  for (let i = 0; i < pixels.length; i += 4) {
    const spread = Math.max(pixels[i], pixels[i + 1], pixels[i + 2])
      - Math.min(pixels[i], pixels[i + 1], pixels[i + 2]);
    if (spread > 60) coloured++;
  }
  return coloured;
}"""


class ShownPage:
    """A page that shows a diagram; `problems` are what the browser complained of."""

    def __init__(self, context: "BrowserContext") -> None:
        self.page: Page = context.new_page()
        self.problems: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("dialog", lambda dialog: self._refuse(dialog))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _refuse(self, dialog: Any) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, address: str) -> "ShownPage":
        """Open an address and wait until all of it is drawn."""
        if self.page.url.partition("#")[0] == address.partition("#")[0]:
            self.page.goto("about:blank")
        self.page.goto(address)
        return self.settle()

    def settle(self) -> "ShownPage":
        """Wait until nothing is being asked for and every tile is sharp."""
        settled = self.page.evaluate(SETTLED, PATIENCE_S * 1000)
        assert settled, f"not settled; problems: {self.problems}"
        return self

    def until(self, expression: str, patience_s: float = PATIENCE_S) -> Any:
        """Wait until an expression is true, and return it."""
        deadline = time.monotonic() + patience_s
        while not (value := self.page.evaluate(expression)):
            assert time.monotonic() < deadline, f"never: {expression}"
            self.page.wait_for_timeout(20)
        return value

    def js(self, expression: str, argument: Any = None) -> Any:
        return self.page.evaluate(expression, argument)

    def view(self) -> dict[str, Any]:
        """Return what is shown, as the page's own value."""
        view: dict[str, Any] = self.js("driftlabPage.state.view")
        return view

    def span(self) -> tuple[float, float]:
        span = self.js("driftlabPage.span()")
        return span["begin"], span["end"]

    def place(self, row: int, pane: int = 0) -> tuple[float, float]:
        """Return where an event is on the screen."""
        x, y = self.js(PLACE, [pane, row])
        return x, y

    def click(self, row: int, pane: int = 0) -> None:
        """Click an event."""
        self.page.mouse.click(*self.place(row, pane))
        self.settle()

    def pixel(self, x: float, y: float, pane: int = 0) -> tuple[int, ...]:
        """Return the colour of a pixel of the diagram."""
        return tuple(self.js(PIXEL, [pane, x, y]))

    def coloured(self, left: float = 0, right: float = 1, pane: int = 0) -> int:
        """Count the coloured pixels of the lanes in a part of the width, as drawn right now."""
        return int(self.js(DRAWN, [pane, left, right]))

    def coloured_at_once(self, act: str, left: float, right: float) -> int:
        """Act, draw, and count coloured pixels, before anything that the act asks for is there."""
        return int(self.js(f"() => {{ {act}; return ({DRAWN})([0, {left}, {right}]); }}"))

    def press(self, *keys: str) -> None:
        """Press keys, one after another, each with its effect."""
        for key in keys:
            self.page.keyboard.press(key)
            self.settle()

    def on_diagram(self) -> "ShownPage":
        """Give the diagram the focus, as Tab would."""
        self.page.focus(".pane canvas")
        return self

    def drag(self, begin: Sequence[float], end: Sequence[float], steps: int = 6) -> None:
        """Drag the mouse from one place to another."""
        self.page.mouse.move(*begin)
        self.page.mouse.down()
        self.page.mouse.move(*end, steps=steps)
        self.page.mouse.up()
        self.settle()

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)

    def box(self, selector: str) -> dict[str, float]:
        box = self.page.locator(selector).first.bounding_box()
        assert box is not None, f"{selector} is not shown"
        return {"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"]}

    def close(self) -> None:
        self.page.close()
