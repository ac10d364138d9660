"""A chapter without the wait for TensorFlow: a process imports it once and forks
another for every chapter, which stops at its first failing cell.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path


def serve(root):
    "Run the notebook that a line of standard input names; answer with its exit code."
    # nothing of the package, for each fork reads it anew, and no operation: a fork
    # would not survive that
    import hypothesis  # noqa: F401
    import ipywidgets  # noqa: F401
    import keras  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import scipy.ndimage  # noqa: F401
    import sklearn.metrics  # noqa: F401
    import sklearn.neighbors  # noqa: F401
    import tensorflow  # noqa: F401

    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork() or run(root, **request)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        try:
            os.killpg(child, signal.SIGKILL)  # whatever it has left running
        except ProcessLookupError:
            pass
        print(code, flush=True)


def run(root, path, log, limit):
    "In a process of its own: end with 0 if all cells pass."
    code = 70
    try:
        os.setsid()
        signal.alarm(limit)
        for number, name in ((0, os.devnull), (1, log), (2, log)):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND), number)
        from nbdev.test import test_nb

        os.chdir(root)
        passed, _ = test_nb(Path(path), skip_flags=["slow"], basepath=root)
        code = 0 if passed else 1
    finally:
        os._exit(code)


class Warm:
    "Runs chapters of the checkout at root."

    def __init__(self, root):
        # no bytecode: a module is changed and changed back within a second
        env = {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
        self.log = root / "chapter.log"
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).resolve(), root],
            text=True,
            cwd=root,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def passes(self, path, limit=300):
        "Whether all cells of a chapter pass; what it says is in `log`."
        self.log.write_text("")
        request = {"path": str(path), "log": str(self.log), "limit": limit}
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline()) == 0

    def end(self):
        self.process.stdin.close()
        self.process.wait()


if __name__ == "__main__":
    serve(sys.argv[1])
