import numpy as np
import pytest
from PIL import Image

from guise.chameleon.evaluation.retrieval import linked_share
from guise.chameleon.faces.detection import FaceDetector
from guise.chameleon.faces.embedding import distances, embed
from guise.chameleon.faces.linking import NO_FACE, EnrolledFace, Enrolment, links
from guise.chameleon.faces.selection import FaceSelector, WhoseFace
from guise.chameleon.faces.template import FaceTemplate
from guise.models import Recogniser, load_recogniser

NAMES = ["dlib-resnet", "sface", "guise-mobilefacenet"]


@pytest.fixture(scope="module")
def team(dlib):
    return [dlib, *(load_recogniser(name, offline=True) for name in NAMES[1:])]


@pytest.fixture(scope="module")
def pixels(astronaut):
    return np.asarray(astronaut)


@pytest.fixture(scope="module")
def face(pixels, reader):
    return reader.read(pixels, name="a.png")[0]


def of_user(face, template=None):
    return FaceSelector(WhoseFace.REFERENCE, FaceTemplate(face.embedding if template is None else template), 0.6)


def somebody_else(embedding):
    """An embedding as long, in another direction."""
    return np.roll(embedding, 7)


def ever_less_alike(embedding):
    """From a face's embedding to somebody else's."""
    return [
        ((1 - share) * embedding + share * somebody_else(embedding)).astype(np.float32)
        for share in np.linspace(0, 1, 41)
    ]


def test_all_link_the_same_face_and_none_a_face_that_is_gone(pixels, face, reader, team):
    enrolled = Enrolment(reader, of_user(face), team).enrol(pixels, face)
    same = links(pixels, face.face, enrolled, reader.detector)
    assert list(same) == NAMES  # the reader's once, and first
    assert all(link.linked and link.similarity > 0.95 for link in same.values())
    assert all(known.linked and known.similarity == pytest.approx(1) for known in enrolled)
    painted = pixels.copy()
    painted[face.face.box_in(*pixels.shape[:2])] = 128
    gone = links(painted, face.face, enrolled, reader.detector)
    assert gone == dict.fromkeys(NAMES, NO_FACE) and not NO_FACE.linked


def test_each_recogniser_decides_as_verify_decides_a_pair(pixels, face, team):
    for recogniser in team:
        threshold, metric = recogniser.record.threshold, recogniser.record.metric
        (clean,) = embed([(pixels, face.face)], recogniser)
        known = EnrolledFace(recogniser, clean, FaceTemplate(clean), threshold)
        decided = [known.link(embedding).linked for embedding in ever_less_alike(clean)]
        pairs = [np.stack([clean, embedding]) for embedding in ever_less_alike(clean)]
        assert decided == [linked_share(distances(pair, pair, metric=metric), threshold) == 1 for pair in pairs]
        assert decided[0] and not decided[-1]


def test_the_readers_decision_is_the_selectors(pixels, face, reader):
    selector = of_user(face, face.embedding + 0.01)
    (known,) = Enrolment(reader, selector).enrol(pixels, face)
    decided = [known.link(embedding).linked for embedding in ever_less_alike(face.embedding)]
    assert decided == [selector.matches(embedding) for embedding in ever_less_alike(face.embedding)]
    assert decided[0] and not decided[-1]


def test_the_users_template_counts_where_it_is_known(pixels, face, reader, team):
    sface, student = team[1:]
    other = FaceTemplate(somebody_else(embed([(pixels, face.face)], sface)[0]))
    enrolment = Enrolment(reader, of_user(face), [sface, student], {"sface": other})
    seen = links(pixels, face.face, enrolment.enrol(pixels, face), reader.detector)
    assert [link.linked for link in seen.values()] == [True, False, True]  # no template: compared with itself


@pytest.mark.parametrize("whose", [WhoseFace.ALL, WhoseFace.LARGEST])
def test_faces_of_several_people_are_each_compared_with_themselves(pixels, face, reader, team, whose):
    other = FaceTemplate(somebody_else(embed([(pixels, face.face)], team[1])[0]))
    anybody = FaceSelector(whose, FaceTemplate(face.embedding + 1), 1e-3)
    enrolled = Enrolment(reader, anybody, team, {"sface": other}).enrol(pixels, face)
    assert all(known.linked and known.similarity == pytest.approx(1) for known in enrolled)


def test_one_detection_and_one_embedding_each_serve_all(pixels, face, reader, team, monkeypatch):
    enrolled = Enrolment(reader, of_user(face), team).enrol(pixels, face)
    looked, embedded = [], []
    detect, forward = FaceDetector.detect_near, Recogniser.forward
    monkeypatch.setattr(FaceDetector, "detect_near", lambda self, *near: (looked.append(1), detect(self, *near))[1])
    monkeypatch.setattr(
        Recogniser,
        "forward",
        lambda self, crops: (embedded.append((self.record.name, len(crops))), forward(self, crops))[1],
    )
    links(pixels, face.face, enrolled, reader.detector)
    assert len(looked) == 1 and embedded == [(name, 1) for name in NAMES]


def test_a_face_that_moved_within_its_surroundings_is_found_anew(astronaut, pixels, face, reader):
    moved = Image.new("RGB", astronaut.size)
    moved.paste(astronaut, (6, -4))
    (known,) = Enrolment(reader, of_user(face)).enrol(pixels, face)
    ((name, link),) = links(np.asarray(moved), face.face, [known], reader.detector).items()
    # Embedded where the face was, it would be another: landmarks are found again.
    left_behind = known.link(reader.embed([(np.asarray(moved), face.face)])[0])
    assert name == "dlib-resnet" and link.similarity > left_behind.similarity
