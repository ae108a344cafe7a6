"""The names of machines that were given none: A, B, C, … in the order of their rates."""


def default_name(index: int) -> str:
    """Name machine `index`: A … Z, AA, AB, … like the columns of a spreadsheet."""
    name = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, 26)
        name = chr(ord("A") + letter) + name
    return name
