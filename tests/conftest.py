def pytest_terminal_summary(terminalreporter):
    "Seconds for each chapter."
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    for report in sorted(reports, key=lambda report: report.nodeid):
        for name, value in report.user_properties:
            if name == "seconds":
                terminalreporter.write_line(f"{value:6.1f} s  {report.nodeid.split('[')[-1].rstrip(']')}")
