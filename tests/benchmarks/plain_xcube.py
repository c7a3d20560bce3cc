"""Estimates inside one process that has xcube imported: run by the Python of xcube.

`python plain_xcube.py STORES REQUEST` reads numbers from standard input, makes so many
estimates, and prints a JSON list: how long each took in seconds, and the last one.
"""

import json
import sys
import time

from xcube.core.gen2.local.generator import LocalCubeGenerator
from xcube.core.store import DataStorePool
from xcube.util.plugin import init_plugins


def main(stores: str, request_file: str) -> None:
    init_plugins()
    with open(request_file) as file:
        request = json.load(file)
    generator = LocalCubeGenerator(store_pool=DataStorePool.from_file(stores), raise_on_error=True)
    for line in sys.stdin:
        took = []
        for _ in range(int(line)):
            began = time.perf_counter()
            estimate = generator.get_cube_info(request).to_dict()
            took.append(time.perf_counter() - began)
        print(json.dumps([took, estimate]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
