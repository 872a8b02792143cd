"""The only place where photos and manifests are read and written. Originals are never changed."""

from guise.models.files.atomic import atomic_write, check_writable, remove_stale
from guise.models.files.exclusive import only_one
from guise.models.files.folders import (
    BEFORE_AFTER,
    PhotoListing,
    check_output_folder,
    is_systems,
    is_video,
    list_photos,
)
from guise.models.files.manifest import Manifest, file_hash, settings_hash
from guise.models.files.names import one_line, printable
from guise.models.files.packing import pack, unpack
from guise.models.files.photos.photo import Photo, compressed_like, finely, plain
from guise.models.files.photos.reading import decode_photo, read_photo
from guise.models.files.photos.room import LARGE, copied, put_down
from guise.models.files.photos.writing import as_saved, write_photo, written_and_read

__all__ = [
    "BEFORE_AFTER",
    "LARGE",
    "Manifest",
    "Photo",
    "PhotoListing",
    "as_saved",
    "atomic_write",
    "check_output_folder",
    "check_writable",
    "compressed_like",
    "copied",
    "decode_photo",
    "file_hash",
    "finely",
    "is_systems",
    "is_video",
    "list_photos",
    "one_line",
    "only_one",
    "pack",
    "plain",
    "printable",
    "put_down",
    "read_photo",
    "remove_stale",
    "settings_hash",
    "unpack",
    "write_photo",
    "written_and_read",
]
