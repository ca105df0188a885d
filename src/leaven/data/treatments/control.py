"""What labels are for: control tokens in front of a corpus's texts, or the good texts alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from leaven.data.labelled import UNTOLD, Labels
from leaven.data.treatments.columns import column, dataset, table
from leaven.data.treatments.draw import Draw, Treated
from leaven.errors import DataError
from leaven.registry import Rate, Text, treatment

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from datasets import Dataset
    from numpy.typing import NDArray

    from leaven.data.treatments.columns import Mask

Attributes = Annotated[list[Text], Field(min_length=1)]


@treatment(version=1, needs="texts", labelled=True, puts_tokens=True)
def control_tokens(
    rows: Dataset,
    labels: Mapping[str, Labels],
    draw: Draw,
    *,
    attributes: Attributes,
    untagged: Rate = 0.01,
    seed: int | None = None,
) -> Treated:
    """Put the token of each attribute's class in front of every text, in the order of ``attributes``.

    A neutral class puts none, nor does a text that could not be scored. A random share ``untagged`` gets no token at
    all, so that the model still knows text without one (Korbak et al., *Pretraining Language Models with Human
    Preferences*, 2023, leave 1 %); the draw is nested, by row, and the same for all arms of a seed.
    """
    import numpy as np
    import pyarrow as pa

    if column(rows, "control").null_count < len(rows):
        raise DataError("the texts have control tokens already; name all attributes in one control_tokens")
    picked = [labels[name] for name in attributes]
    places, tokens = _places(picked, len(rows))
    bare = draw.hits(rows, np.ones(len(rows), dtype=bool), untagged)
    eligible = int((places >= 0).any(axis=1).sum())
    places[bare] = -1
    made = table(rows)
    at = made.column_names.index("control")
    made = made.set_column(at, made.schema.field(at), _lists(places, pa.array(tokens, pa.string())))
    return Treated(dataset(made), eligible, untagged=len(bare))


@treatment(version=1, needs="texts", labelled=True, seedless=True)
def keep_good(rows: Dataset, labels: Mapping[str, Labels], draw: Draw, *, attributes: Attributes) -> Treated:
    """Keep the texts that are good by every attribute; what is neutral or could not be scored is left out too.

    The classical filter, which control tokens are compared with. Nothing is drawn.
    """
    import numpy as np

    reasons = np.full(len(rows), "", dtype=object)
    for name in reversed(attributes):  # the first that is not good is the reason
        told = labels[name].classes != UNTOLD
        reasons[~labels[name].good] = f"not good: {name}"
        reasons[~told] = f"unscored: {name}"
    kept: Mask = reasons == ""
    return Treated(dataset(table(rows).filter(kept)), len(rows), kept=kept, reasons=reasons[~kept].tolist())


def _places(picked: Sequence[Labels], count: int) -> tuple[NDArray[np.int64], list[str]]:
    """Return per text and attribute which token it gets, -1 for none; and all tokens."""
    import numpy as np

    tokens: list[str] = []
    places = np.full((count, len(picked)), -1, dtype=np.int64)
    for index, one in enumerate(picked):
        codes = []
        for token in one.attribute.tokens:
            codes.append(-1 if token is None else len(tokens))
            tokens += [] if token is None else [token]
        places[:, index] = np.array([*codes, -1])[one.classes]  # an untold class, -1, is the last
    return places, tokens


def _lists(places: NDArray[np.int64], tokens: pa.Array) -> pa.Array:
    """Return per row the list of its tokens, null where it has none."""
    import numpy as np
    import pyarrow as pa

    put = places >= 0
    ends = np.concatenate([[0], np.cumsum(put.sum(axis=1))]).astype(np.int32)
    values = tokens.take(pa.array(places[put]))
    return pa.ListArray.from_arrays(pa.array(ends), values, mask=pa.array(~put.any(axis=1)))
