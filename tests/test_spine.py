"The first chapter ends with the reader's own digits, and they are close to real ones."

import json
import os
import subprocess
import sys

from chapters import SPINE
from house import ROOT, code_cells

LIMIT = 900  # seconds; it takes three minutes of two idle cores
JUDGED = """
import json
from ebm_nb.evaluation import frechet_distance
from ebm_nb.judge import load_judge

features = load_judge().features
distance = frechet_distance(features(digits), features(x_test))
form = [*digits.shape, str(digits.dtype)]
print(json.dumps([len(x_train), form, distance]))
"""


def test_own_digits(tmp_path):
    script = tmp_path / "spine.py"
    cells = [
        "".join(cell["source"]) for cell in code_cells(ROOT / f"nbs/{SPINE}.ipynb")
    ]
    script.write_text("\n".join([*cells, JUDGED]), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
        capture_output=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    images, form, distance = json.loads(done.stdout.splitlines()[-1])
    assert form == [512, 32, 32, 1, "float32"]
    print(f"{images:,} images, distance {distance:.1f}")
    if images == 60_000:  # MNIST, on which the judge was trained
        assert distance <= 20
