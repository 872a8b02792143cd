"""One personal mask per user, so that face recognition does not link their photos.

    from guise import chameleon

    key = chameleon.learn("holiday")                              # learns your mask, keeps it in holiday.guise-key
    report = chameleon.protect("holiday", key, out="copies")      # writes protected copies, measures the files
    print(len(report.photos), report.linked)                      # photos that a recogniser still links to you
    seen = chameleon.verify("holiday", "copies", recognisers=["sface"])
    back = chameleon.restore("copies", key, out="back")

These are the jobs of the command line. `faces`, `mask`, `learning`, `visibility`, `protection`, `restoration` and
`evaluation` hold the pieces. Importing this package prints nothing, seeds nothing and opens no connection.

Source: K.-H. Chow et al., "Personalized Privacy Protection Mask Against Unauthorized Facial Recognition", ECCV 2024.
"""

from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.jobs.learn import learn
from guise.chameleon.jobs.preview import Preview, preview
from guise.chameleon.jobs.protect import plan, protect
from guise.chameleon.jobs.report import ProtectionPlan, ProtectionReport
from guise.chameleon.jobs.restore import RestorationReport, restore
from guise.chameleon.jobs.verify import VerificationReport, verify
from guise.chameleon.learning.learn import LearningSettings
from guise.chameleon.mask.key import Key, Provenance, load_key, save_key
from guise.chameleon.mask.mask import Mask
from guise.chameleon.protection.job import PhotoResult
from guise.chameleon.protection.measure import FaceMeasurement, LinkMeasurement
from guise.chameleon.restoration.folder import RestoredPhoto
from guise.chameleon.visibility.budget import STRENGTHS, Budget, Visibility

__all__ = [
    "STRENGTHS",
    "Budget",
    "FaceMeasurement",
    "FaceReader",
    "Key",
    "LearningSettings",
    "LinkMeasurement",
    "Mask",
    "PhotoResult",
    "Preview",
    "ProtectionPlan",
    "ProtectionReport",
    "Provenance",
    "RestorationReport",
    "RestoredPhoto",
    "VerificationReport",
    "Visibility",
    "learn",
    "load_key",
    "plan",
    "preview",
    "protect",
    "restore",
    "save_key",
    "verify",
]
