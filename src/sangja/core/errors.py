"""How sangja says no: every error it raises on purpose, as one tree.

    SangjaError
    ├── ShapeError            RuntimeError         shapes that do not fit each other
    │   ├── RaggedError       … and ValueError     nested lists whose lengths differ
    │   └── FeaturesError     … and AssertionError a number of features, where PyTorch asserts
    ├── DTypeError            RuntimeError         a dtype that the operation cannot take
    │   └── OverflowingError  … and ValueError     a number that the dtype cannot hold
    ├── DivisionError         RuntimeError         an integer divided by 0
    ├── DeviceError           RuntimeError         a device that does not exist or is not there
    │   └── NoCudaError       … and AssertionError a graphics card asked for (PyTorch asserts)
    ├── ArgumentError         ValueError           an argument out of its range
    │   ├── SamplingError     … and RuntimeError   a parameter that no random number can have
    │   └── AssertedError     … and AssertionError … where PyTorch asserts
    ├── ArgumentTypeError     TypeError            an argument of the wrong kind
    │   └── OperandError      TypeError            an operand an operator cannot take
    ├── OutOfRangeError       IndexError           an index, a dimension or a label out of range
    │   └── PositionError     … and RuntimeError   an index of gather or scatter out of range
    ├── GradientError         RuntimeError         differentiation asked for where it cannot be had
    │   ├── FreedGraphError   RuntimeError         a second backward through a graph already used up
    │   ├── InplaceError      RuntimeError         a value kept for the gradient was changed
    │   └── AnomalyError      RuntimeError         a NaN or infinity found by anomaly detection
    ├── RecordingError        RuntimeError         a step that cannot be compiled as it is written
    ├── StateError            RuntimeError         a state_dict that does not fit its module
    ├── MissingAttributeError AttributeError       a module without this attribute, or not yet ready
    ├── UnsupportedError      NotImplementedError  what PyTorch does and sangja does not do
    ├── ForwardMissingError   NotImplementedError  a module without `forward` was called
    ├── DuplicateNameError    KeyError             a name that a module cannot give to a member
    ├── MissingSettingError   KeyError             an optimizer's group lacks a setting
    ├── LinAlgError           RuntimeError         a matrix that cannot be inverted or taken apart
    ├── OutOfMemoryError      MemoryError          an array too large to allocate
    ├── CheckpointError       RuntimeError         a saved file that cannot be used
    │   ├── DamagedFileError  RuntimeError         … because its bytes changed or end too early
    │   ├── ForeignFileError  RuntimeError         … because it is no file of ours
    │   ├── MissingFileError  FileNotFoundError    … because it is not there
    │   └── SaveError         OSError              … because the system refused to write it
    ├── DataError             ValueError           a user's data (CSV, images) that cannot be used
    └── MissingPackageError   ImportError          an optional package that is not installed

Each is also the builtin (second column) that a user of PyTorch would catch. A text answers: what
happened, where (operation, module path), what was expected and what was got, how to mend it.
"""

from __future__ import annotations


class SangjaError(Exception):
    """Base of every error that sangja raises on purpose."""


class ShapeError(SangjaError, RuntimeError):
    """Shapes that do not fit each other."""


class RaggedError(ShapeError, ValueError):
    """Nested lists whose lengths differ."""


class FeaturesError(ShapeError, AssertionError):
    """A number of features that a layer was not made for, where PyTorch asserts."""


class DTypeError(SangjaError, RuntimeError):
    """A dtype that the operation cannot take."""


class OverflowingError(DTypeError, ValueError):
    """A number that the dtype cannot hold."""


class DivisionError(SangjaError, RuntimeError, ZeroDivisionError):
    """An integer divided by 0; also Python's `ZeroDivisionError`."""


class DeviceError(SangjaError, RuntimeError):
    """A device that does not exist, or that tensors cannot be put on here."""


class NoCudaError(DeviceError, AssertionError):
    """A graphics card asked for; PyTorch without one fails by an assertion."""


class ArgumentError(SangjaError, ValueError):
    """An argument out of its range."""


class SamplingError(ArgumentError, RuntimeError):
    """A parameter that no distribution has (PyTorch raises RuntimeError for it)."""


class AssertedError(ArgumentError, AssertionError):
    """An argument out of its range, where PyTorch asserts."""


class ArgumentTypeError(SangjaError, TypeError):
    """An argument of the wrong kind."""


class OperandError(ArgumentTypeError):
    """An operand that an operator cannot take; Python then tries the other operand's operator."""


class OutOfRangeError(SangjaError, IndexError):
    """An index, a dimension or a label out of range."""


class PositionError(OutOfRangeError, RuntimeError):
    """An index of `gather` or `scatter` out of range (PyTorch raises RuntimeError for it)."""


class GradientError(SangjaError, RuntimeError):
    """Differentiation asked for where it cannot be had."""


class FreedGraphError(GradientError):
    """A second backward through a graph whose kept values are already freed."""


class InplaceError(GradientError):
    """A value kept for the gradient was changed before it was used."""


class AnomalyError(GradientError):
    """A NaN or infinity found by anomaly detection."""


class RecordingError(SangjaError, RuntimeError):
    """A step that cannot be compiled as it is written."""


class StateError(SangjaError, RuntimeError):
    """A state_dict that does not fit its module or optimizer."""


class MissingAttributeError(SangjaError, AttributeError):
    """A module has no attribute, parameter, buffer or child of this name, or cannot yet."""


class UnsupportedError(SangjaError, NotImplementedError):
    """Something of PyTorch's that sangja does not do, on purpose."""


class ForwardMissingError(SangjaError, NotImplementedError):
    """A module without `forward` was called."""


class DuplicateNameError(SangjaError, KeyError):
    """A name that cannot be given to a parameter, buffer or child."""

    __str__ = Exception.__str__  # KeyError would show the text in quotes


class MissingSettingError(SangjaError, KeyError):
    """A group of an optimizer lacks a setting that a schedule needs."""

    __str__ = Exception.__str__


class LinAlgError(SangjaError, RuntimeError):
    """A matrix that cannot be inverted or taken apart."""


class OutOfMemoryError(SangjaError, MemoryError):
    """An array too large to allocate."""


class CheckpointError(SangjaError, RuntimeError):
    """A saved file that cannot be used."""


class DamagedFileError(CheckpointError):
    """A saved file whose bytes changed or that ends too early."""


class ForeignFileError(CheckpointError):
    """A file that is not one of ours."""


class MissingFileError(CheckpointError, FileNotFoundError):
    """A saved file that is not there."""


class SaveError(CheckpointError, OSError):
    """A file that could not be written; what stood at its place before is untouched."""


class DataError(SangjaError, ValueError):
    """A user's data that cannot be used."""


class MissingPackageError(SangjaError, ImportError):
    """An optional package that is not installed."""
