"""`driftlab scenarios`: list the built-in scenarios."""

import argparse
import json

from driftlab.scenario.builtin import BUILT_IN
from driftlab.scenario.scenario import Scenario


def main(options: argparse.Namespace) -> int:
    """Print the built-in scenarios and return the exit status."""
    if options.json:
        keys = {name: Scenario(**built_in.keys).to_dict() for name, built_in in BUILT_IN.items()}
        print(json.dumps({"scenarios": keys}, indent=2))
        return 0
    for name, (purpose, keys) in BUILT_IN.items():
        print(f"{name}\n    {purpose}")
        print("    " + ", ".join(f"{key} = {value}" for key, value in keys.items()))
    print("\nTry one: driftlab run standard --speed 60")
    return 0
