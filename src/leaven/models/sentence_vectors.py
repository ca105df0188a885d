"""Vectors of sentences by the package sentence-transformers: the one door to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.errors import ModelError
from leaven.models import load, ref

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Vectors = Callable[[Sequence[str]], "NDArray[np.float32]"]  # a row for each text, of length 1

_SAFE = 6  # its first version that runs no code of a local folder unless told to


def resolve(args: Mapping[str, Any], *, ask: bool = True) -> dict[str, Any]:
    """Find out which model a dense index is made by: ``{"args": for the key, "paths": where a folder lies}``.

    A folder is known by its content, a name of the hub by its commit (``OWNER/NAME@REVISION``). bm25 has none. Raises
    ModelError with the remedy where it cannot be told, and where the package is not there.
    """
    if args.get("by", "bm25") == "bm25":
        return {"args": {}, "paths": {}}
    _package()
    name = str(args["model"])
    if (folder := ref.local_folder(name)) is not None:
        return {"args": {"model": ref.folder_identity(folder)}, "paths": {"model": str(folder.resolve())}}
    owner, _, revision = name.partition("@")
    if owner.count("/") != 1 or owner.startswith((".", "/", "~")):
        raise ModelError(f"rag's model '{name}' is no folder and no name of the hub (owner/name@revision)")
    try:
        return {"args": {"model": f"{owner}@{ref.commit(owner, revision or None, ask=ask)}"}, "paths": {}}
    except ModelError as error:
        raise ModelError(f"rag: {str(error).replace('model.revision', 'a revision behind its name')}") from error


def sentence_vectors(model: str, path: Path | None = None) -> Vectors:
    """Return what computes vectors by a sentence-transformers model, with no code of its own and safetensors only.

    ``model`` is its identity; ``path`` where a folder of it lies. Raises ModelError if that was edited meanwhile, it
    cannot be loaded, or the package is not there.
    """
    package = _package()
    if path is not None and load.identity_of(path) != model:
        raise ModelError(f"rag's model {path} was edited after the study began; run the study again")
    name, _, revision = model.partition("@")
    pinned = {} if path is not None or not revision else {"revision": revision}
    try:
        loaded = package.SentenceTransformer(
            str(path or name), trust_remote_code=False, model_kwargs={"use_safetensors": True}, **pinned
        )
    except Exception as error:  # the loader raises many kinds, all of which mean: it cannot be used
        raise ModelError(f"rag's model {path or name} cannot be loaded: {load.first_line(error)}") from error

    def vectors(texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        made = loaded.encode(list(texts), normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False)
        return np.asarray(made, dtype=np.float32)

    return vectors


def _package() -> Any:
    try:
        import sentence_transformers
    except ImportError:
        raise ModelError("rag by dense needs a package that is not there; pip install 'leaven[dense]', or write "
                         "by: bm25") from None  # fmt: skip
    if int((found := sentence_transformers.__version__).split(".")[0]) < _SAFE:
        raise ModelError(
            f"rag by dense needs sentence-transformers {_SAFE} or newer, and {found} is there, which runs code from "
            "a model's folder; pip install 'leaven[dense]'"
        )
    return sentence_transformers
