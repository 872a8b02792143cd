import json

import pytest

from guise.dpaf.accounting.audit_result import Audit
from guise.dpaf.accounting.report import audit_line, privacy_report
from tests.dpaf import toy


def test_a_refuted_guarantee_is_no_headline(tmp_path):
    settings = toy.privacy("pretrained")
    ledger = toy.begin(tmp_path / "run", toy.two_classes(), settings, reproducible=False).ledger()
    for audit in (None, Audit(9.0, 1.0, 1e-3, 8.0, 9.5, 200, 0.99)):
        report = privacy_report(settings, ledger, data="toy", records=40, classes=("0", "1"), audit=audit)
        assert report.private is (audit is None) and json.loads(report.to_json()) == report.values
        assert ("differential privacy.**" in report.to_markdown()) is (audit is None)
    assert "audit refutes the guarantee" in report.to_markdown()


@pytest.mark.parametrize(
    ("bound", "excess", "words"),
    [
        (1.2, -0.5, "within the claim of 2.000"),
        (2.5, 0.1, "FALSE: that exceeds the claim of 2.000"),
        (1.2, 0.3, "FALSE: at another delta, epsilon exceeds its claim by 0.300"),
    ],
)
def test_a_report_says_what_an_audit_failed_by(bound, excess, words):
    audit = Audit(bound, 2.0, 1e-5, excess, 3.0, 200, 0.99)
    line = audit_line(vars(audit) | {"passed": audit.passed})
    assert words in line and audit.passed is ("within" in line)
