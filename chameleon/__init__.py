"""One personal mask per user that keeps face recognition from linking their photos.

team = [load_recogniser(name) for name in TEAM]
reader = FaceReader(FaceDetector(), team[0])
survey = find_faces(folder, list_photos(folder).photos, reader)
selector = survey.selector(WhoseFace.RECURRING, threshold=reader.recogniser.record.threshold)
key = learn_key(folder, survey, selector, Learning(team))
save_key(key, key_file)
refiner = Refiner(key.mask, team, key.templates, budget=STRENGTHS["mid"])
job = Job(folder, out, key, key_file, STRENGTHS["mid"], refiner=refiner)
for result in protect_folder(job, list(survey.faces), selector, reader, survey=survey): ...
"""

from guise.chameleon.evaluation.verify import Report, measure_folders
from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.detection import Face, FaceDetector
from guise.chameleon.faces.embedding import EmbeddedFace, FaceReader
from guise.chameleon.faces.selection import FaceSelector, WhoseFace
from guise.chameleon.faces.survey import Survey, find_faces
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.learning.key import Learning, learn_key
from guise.chameleon.learning.learn import LearningSettings, learn_mask
from guise.chameleon.learning.refine import RefinementSettings, Refiner
from guise.chameleon.mask.key import Key, Provenance, load_key, save_key
from guise.chameleon.mask.mask import Mask, Patch, Placement, add, subtract
from guise.chameleon.protection.folder import protect_folder
from guise.chameleon.protection.job import Job, PhotoResult
from guise.chameleon.protection.photo import Measured, Protected, measure_saved, protect_photo
from guise.chameleon.restoration.folder import restore_folder
from guise.chameleon.visibility.budget import STRENGTHS, Budget, Visibility

__all__ = [
    "STRENGTHS",
    "Budget",
    "EmbeddedFace",
    "Face",
    "FaceCrop",
    "FaceDetector",
    "FaceReader",
    "FaceSelector",
    "FaceTemplate",
    "Job",
    "Key",
    "Learning",
    "LearningSettings",
    "Mask",
    "Measured",
    "Patch",
    "PhotoResult",
    "Placement",
    "Protected",
    "Provenance",
    "RefinementSettings",
    "Refiner",
    "Report",
    "Survey",
    "Visibility",
    "WhoseFace",
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
