from collections import Counter

import pytest
from zygote import Zygote


TRIED = Counter()  # cases of bad input, by kind


@pytest.fixture(scope="session")
def zygote():
    "Starts commands without the wait for TensorFlow."
    zygote = Zygote()
    yield zygote
    zygote.end()


def pytest_terminal_summary(terminalreporter):
    "Cases of bad input, and seconds for each chapter."
    if TRIED:
        terminalreporter.write_line(
            f"bad input: {TRIED.total()} cases, "
            + ", ".join(f"{n} {kind}" for kind, n in TRIED.items())
        )
    reports = [
        report
        for kind in ("passed", "failed")
        for report in terminalreporter.stats.get(kind, [])
    ]
    for report in sorted(reports, key=lambda report: report.nodeid):
        for name, value in report.user_properties:
            if name == "seconds":
                terminalreporter.write_line(
                    f"{value:6.1f} s  {report.nodeid.split('[')[-1].rstrip(']')}"
                )
