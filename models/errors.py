"""Every error that Guise raises on purpose.

GuiseError
├── InputError          what the user gave cannot be used (path, option, folder)
├── OutputError         something cannot be written (disk full, read-only)
├── ImageError          one image file cannot be read or encoded
├── WeightsError        weights are missing, damaged or not what they claim to be
│   ├── OfflineError    weights would have to be fetched, and that is not allowed or not possible
│   └── UnknownOperationError   a network holds an operation that nothing here runs
├── FaceError           no face, or no way to tell whose face is meant
├── KeyFileError        a mask key is damaged, foreign or newer than this program
└── PrivacyError        a guarantee could no longer be kept or shown
    ├── BudgetError     what is asked for would overspend a privacy budget
    └── LedgerError     the record of what was spent is damaged or was edited

Each message is one line: what was wrong, with the value, and what to do about it.
"""


class GuiseError(Exception):
    """Root of all errors raised on purpose; the command line shows its message in one line."""


class InputError(GuiseError):
    """What the user gave cannot be used."""


class OutputError(GuiseError):
    """Something cannot be written."""


class ImageError(GuiseError):
    """One image file cannot be read or encoded."""


class WeightsError(GuiseError):
    """Weights are missing, damaged or not what they claim to be."""


class OfflineError(WeightsError):
    """Weights would have to be fetched, and that is not allowed or not possible."""


class UnknownOperationError(WeightsError):
    """A network holds an operation that nothing here runs. Whatever does not depend on it has run."""


class FaceError(GuiseError):
    """No face, or no way to tell whose face is meant."""


class KeyFileError(GuiseError):
    """A mask key is damaged, foreign or newer than this program."""


class PrivacyError(GuiseError):
    """A guarantee could no longer be kept or shown."""


class BudgetError(PrivacyError):
    """What is asked for would overspend a privacy budget."""


class LedgerError(PrivacyError):
    """The record of what was spent is damaged or was edited."""


def first_line(error: BaseException) -> str:
    """The message of a foreign error, on one line.

    Args:
        error: any error.

    Returns:
        The first line of its message, or the name of its type where it has no message.
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def last_line(error: BaseException) -> str:
    """The cause in a foreign error's message: TorchScript tells where first, and what last.

    Args:
        error: any error.

    Returns:
        The last line of its message where it is a traceback of TorchScript, else the first; or the name of its type.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = "TorchScript" in str(error) or "Traceback" in str(error)
    line = (lines[-1] if told else lines[0]) if lines else ""
    return line.removeprefix("RuntimeError:").strip() or type(error).__name__
