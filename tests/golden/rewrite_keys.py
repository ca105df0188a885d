"""Write tests/golden/keys.json anew; do it on purpose only (CONTRIBUTING.md)."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from leaven import verbs
from leaven.wiring import wire

here = Path(__file__).parent
spec = importlib.util.spec_from_file_location("test_wiring", here.parent / "test_wiring.py")
assert spec is not None and spec.loader is not None
test_wiring = importlib.util.module_from_spec(spec)
spec.loader.exec_module(test_wiring)
found = test_wiring.keys(wire(verbs.load("quickstart")))
(here / "keys.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
