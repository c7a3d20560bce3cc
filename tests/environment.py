"""Loaded by pytest before Django's settings (`-p tests.environment`): a data folder of its own.

Nothing of the developer's configuration reaches the tests but where xcube is, and, by
`TEST_DATABASE_URL`, which database server to use.
"""

import atexit
import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path

# Thousands of tests and all modules live until the end: to look through them after every 700 new
# objects took a fifth of the processor time.
gc.set_threshold(50_000, 20, 100)

# Each process of the hub that a test starts would compile all modules anew: half of what its start
# takes. So it is even where the environment says that Python shall write no compiled modules.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

KEPT = {"XCUBE_HUB_XCUBE_PYTHON"}

for name in list(os.environ):
    if name.startswith(("XCUBE_HUB_", "CUBEGENS_")) and name not in KEPT:
        del os.environ[name]
os.environ.pop("DATABASE_URL", None)
if "TEST_DATABASE_URL" in os.environ:
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]

DATA_DIR = Path(tempfile.mkdtemp(prefix="xcube-hub-tests-"))
atexit.register(shutil.rmtree, DATA_DIR, ignore_errors=True)

STORES = """
demo:
  title: Demo cubes
  store_id: file
  store_params: {root: source}
  writable: false
  cost_params:
    input_pixels_per_punit: 512
    output_pixels_per_punit: 512
    input_punits_weight: 1
    output_punits_weight: 1.0
free:
  store_id: file
  store_params: {root: source}
  writable: false
  cost_params: {scheme: free, input_pixels_per_punit: 512, output_pixels_per_punit: 512}
unpriced:
  store_id: file
  store_params: {root: source}
cubes:
  title: Your own cubes
  store_id: file
  store_params: {root: cubes}
  per_user: true
  cost_params: {input_pixels_per_punit: 512, output_pixels_per_punit: 512}
shared:
  title: Cubes of all
  store_id: file
  store_params: {root: shared, max_depth: 3}
  cost_params: {input_pixels_per_punit: 512, output_pixels_per_punit: 512}
archive:
  store_id: file
  store_params: {root: archive}
  readable: false
"""
(DATA_DIR / "stores.yaml").write_text(STORES)

os.environ["XCUBE_HUB_DATA_DIR"] = str(DATA_DIR)
os.environ["XCUBE_HUB_STORES"] = str(DATA_DIR / "stores.yaml")
os.environ["XCUBE_HUB_DOTENV"] = os.devnull
os.environ["XCUBE_HUB_LOG_LEVEL"] = "WARNING"
