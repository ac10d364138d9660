"""The command line without the wait: a process imports TensorFlow once and forks
another for every command.

A forked process is killed, stopped and limited like any other; only its first seconds,
which are the same for all, are spared.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

ENVIRONMENT = {"EBM_NB_DATA": "", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}


def serve():
    """Fork a process for each line of standard input; answer with its number, then,
    when asked, with its exit code.
    """
    import ebm_nb.cli  # noqa: F401
    import ebm_nb.runs  # noqa: F401 - and TensorFlow, which has not computed anything yet: a fork would not survive that

    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork() or child(**request)
        print(answer, flush=True)


def obey():
    """From here on this process minds the permissions of files, even if it is root's
    (capabilities 1 and 2 of Linux).
    """
    libc, head, sets = (
        ctypes.CDLL(None),
        (ctypes.c_uint32 * 2)(0x20080522, 0),
        (ctypes.c_uint32 * 6)(),
    )
    libc.capget(head, sets)
    sets[0] &= ~0b110
    libc.capset(head, sets)


def child(words, folder, log, obeys):
    os.chdir(folder)
    if obeys:
        obey()
    os.environ["KERAS_HOME"] = folder
    for number, path in ((0, os.devnull), (1, os.devnull), (2, log)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), number)
    from ebm_nb.cli import main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["ebm_nb", *words]
    try:
        main()
        os._exit(0)
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1 if end.code else 0)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(70)


class Zygote:
    """Starts commands; `start` returns at once, `run` when the command has ended, with
    its exit code and standard error.
    """

    def __init__(self):
        command = [sys.executable, Path(__file__).resolve()]
        self.process = subprocess.Popen(
            command,
            text=True,
            env=os.environ | ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def ask(self, **request):
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())

    def start(self, folder, *words, obeys=False):
        log = Path(folder).parent / f"{Path(folder).name}.stderr"
        log.write_text("")
        return self.ask(
            words=[str(word) for word in words],
            folder=str(folder),
            log=str(log),
            obeys=obeys,
        ), log

    def wait(self, started):
        number, log = started
        return SimpleNamespace(returncode=self.ask(wait=number), stderr=log.read_text())

    def run(self, folder, *words, obeys=False):
        return self.wait(self.start(folder, *words, obeys=obeys))

    def end(self):
        self.process.stdin.close()
        self.process.wait()


if __name__ == "__main__":
    serve()
