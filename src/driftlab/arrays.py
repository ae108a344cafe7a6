"""Types of NumPy arrays, for annotations; nothing is imported at run time.

The exact width of a column is part of its description (`clock i8`, `sender i4`);
arithmetic mixes widths, so the types only distinguish whole numbers, truth
values, floats and bytes.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    IntArray: TypeAlias = NDArray[np.integer[Any]]
    BoolArray: TypeAlias = NDArray[np.bool_]
    FloatArray: TypeAlias = NDArray[np.floating[Any]]
    ByteArray: TypeAlias = NDArray[np.uint8]
    AnyArray: TypeAlias = NDArray[Any]
else:
    IntArray = BoolArray = FloatArray = ByteArray = AnyArray = object
