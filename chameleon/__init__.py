"""One personal mask per user that keeps face recognition from linking their photos.

team = [load_recogniser(name) for name in TEAM]
reader = FaceReader(FaceDetector(), team[0])
found = find_faces(folder, list_photos(folder).photos, reader)
chooser = Chooser.from_survey(found, "recurring", threshold=reader.recogniser.record.threshold)
key = learn_key(folder, found, chooser, Learning(team))
save_key(key, key_file)
refiner = Refiner(key.mask, team, key.persons, budget=STRENGTHS["mid"])
job = Job(folder, out, key, key_file, STRENGTHS["mid"], refiner=refiner)
for result in protect_folder(job, list(found.sightings), chooser, reader, found=found): ...
"""

from guise.chameleon.evaluation.verify import Report, measure_folders
from guise.chameleon.faces.crop import Portrait
from guise.chameleon.faces.detection import Face, FaceDetector
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.faces.survey import Chooser, Survey, find_faces
from guise.chameleon.faces.template import Owner, Sighting
from guise.chameleon.learning.key import Learning, learn_key
from guise.chameleon.learning.learn import LearningSettings, learn_mask
from guise.chameleon.learning.refine import RefinementSettings, Refiner
from guise.chameleon.mask.key import Key, Provenance, load_key, save_key
from guise.chameleon.mask.mask import Mask, Patch, Placement, add, subtract
from guise.chameleon.protection.folder import Job, PhotoResult, protect_folder
from guise.chameleon.protection.photo import Measured, Protected, measure_saved, protect_photo
from guise.chameleon.restoration.restore import restore_folder
from guise.chameleon.visibility.budget import STRENGTHS, Budget, Visibility

__all__ = [
    "STRENGTHS",
    "Budget",
    "Chooser",
    "Face",
    "FaceDetector",
    "FaceReader",
    "Job",
    "Key",
    "Learning",
    "LearningSettings",
    "Mask",
    "Measured",
    "Owner",
    "Patch",
    "PhotoResult",
    "Placement",
    "Portrait",
    "Protected",
    "Provenance",
    "RefinementSettings",
    "Refiner",
    "Report",
    "Sighting",
    "Survey",
    "Visibility",
    "add",
    "find_faces",
    "learn_key",
    "learn_mask",
    "load_key",
    "measure_folders",
    "measure_saved",
    "protect_folder",
    "protect_photo",
    "restore_folder",
    "save_key",
    "subtract",
]
