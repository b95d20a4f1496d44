"""Chips are read by several threads, while another store is written."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from landcover.chipstore import Chip, StoreInfo, create_store
from landcover.scheme import ClassScheme

READ = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from landcover.chipstore import ChipStore, create_store

store = ChipStore(Path(sys.argv[1]))

def wrong(row):
    chip = store.chip(row)
    told = chip.window[0], chip.source, int(chip.label[0, 0]), int(chip.image[0, 0, 0])
    return told != (row, f"{row}.tif", row % 250, row % 250)

for turn in range(20):
    with ThreadPoolExecutor(4) as threads, create_store(Path(sys.argv[2]), store.info) as writer:
        found = threads.map(wrong, range(len(store)))
        for row in range(50):
            writer.append(store.chip(row))
        assert not any(found)
"""


def test_threads_read_what_was_written_while_another_store_is(tmp_path: Path, scheme: ClassScheme) -> None:
    """In a process of its own: what is not locked may crash it (h5py 3.14 does)."""
    info = StoreInfo(scheme.named, 16, 1, "uint8", (1.0, 1.0), "blocks", "key")
    with create_store(tmp_path / "a.h5", info) as writer:
        for row in range(200):
            pixels = np.full((16, 16, 1), row % 250, np.uint8)
            writer.append(Chip(pixels, pixels[..., 0], (row, 0, 16, 16), f"{row}.tif"))
    command = [sys.executable, "-c", READ, tmp_path / "a.h5", tmp_path / "b.h5"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
