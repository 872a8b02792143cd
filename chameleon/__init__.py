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

from chameleon.batch import Job, PhotoResult, protect_folder
from chameleon.faces import Face, FaceDetector
from chameleon.key import Key, Provenance, load_key, save_key
from chameleon.keymaking import Learning, learn_key
from chameleon.learning import LearningSettings, learn_mask
from chameleon.mask import Mask, Patch, Placement, add, subtract
from chameleon.owner import Owner, Sighting
from chameleon.perception.budget import STRENGTHS, Budget, Visibility
from chameleon.portrait import Portrait
from chameleon.protection import FaceReader, Measured, Protected, measure_saved, protect_photo
from chameleon.refinement import RefinementSettings, Refiner
from chameleon.restoration import restore_folder
from chameleon.survey import Chooser, Survey, find_faces
from chameleon.verification import Report, measure_folders

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
