"""What goes in and out, as models: the checks of every request, and the OpenAPI document."""

import unicodedata
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

MOST_NUMBERS = 65_536
CONTROL = r"^[^\x00-\x1f\x7f-\x9f]+$"


def _plain_text(value: str) -> str:
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in value):
        raise ValueError("control characters are not allowed")
    return value


ItemId = Annotated[
    str,
    Field(min_length=1, max_length=255, pattern=CONTROL, examples=["latin/e/00e9-3.png"]),
    AfterValidator(_plain_text),
]
Name = Annotated[
    str,
    Field(min_length=1, max_length=1000, pattern=CONTROL, examples=["middle"]),
    AfterValidator(_plain_text),
]
Text = Annotated[str, Field(max_length=10_000)]
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Real = Annotated[float, Field(allow_inf_nan=False)]
Scalar = Whole | Real | bool | Text


class Strict(BaseModel):
    """Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class Comparison(Strict):
    """A condition on one field; all that are given must hold."""

    eq: Scalar | None = None
    ne: Scalar | None = None
    lt: Scalar | None = None
    le: Scalar | None = None
    gt: Scalar | None = None
    ge: Scalar | None = None
    any_of: list[Scalar] | None = Field(None, alias="in", max_length=1000)
    not_in: list[Scalar] | None = Field(None, max_length=1000)

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set or any(getattr(self, name) is None for name in self.model_fields_set):
            raise ValueError("say at least one of eq, ne, lt, le, gt, ge, in, not_in, none of them null")
        return self


Where = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=100)], Scalar | Comparison],
    Field(
        max_length=32, examples=[{"coarse": "Latin", "year": {"ge": 1990}, "colour": {"in": ["red", "blue"]}}]
    ),
]


def plain_where(where: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a filter as the gallery takes it."""
    if where is None:
        return None
    return {
        name: one.model_dump(by_alias=True, exclude_unset=True) if isinstance(one, Comparison) else one
        for name, one in where.items()
    }


class SearchOptions(Strict):
    """How to search."""

    k: int = Field(20, ge=1, description="results, the most similar first; groups, with `group_by`")
    scale: Name | None = Field(None, description="the scale that `min_probability` is meant at")
    min_probability: float | None = Field(None, ge=0, le=1, description="least P(same class at the scale)")
    where: Where | None = Field(None, description="only items of these labels and metadata")
    group_by: Name | None = Field(None, description="a scale: the best results of every class there")
    per_class: int | None = Field(None, ge=1, description="results a class; 1 if not said")

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if (self.min_probability is None) != (self.scale is None):
            raise ValueError("scale and min_probability are said together or not at all")
        if self.per_class is not None and self.group_by is None:
            raise ValueError("per_class needs group_by")
        return self


class SearchRequest(SearchOptions):
    """A search by an item of the gallery or by a vector."""

    id: ItemId | None = Field(None, description="an item; it is left out of its own results")
    vector: list[float] | None = Field(None, min_length=1, max_length=MOST_NUMBERS, description="(dim,)")

    @model_validator(mode="after")
    def _one_query(self) -> Self:
        if (self.id is None) == (self.vector is None):
            raise ValueError("say either id or vector (or send a picture as multipart/form-data)")
        return self


class ItemRef(Strict):
    """An item of the gallery."""

    id: ItemId


class CompareRequest(Strict):
    """Two items to compare."""

    a: ItemRef
    b: ItemRef


class Result(BaseModel):
    """An item that was found."""

    id: str = Field(examples=["latin/e/00e9-3.png"])
    similarity: float = Field(description="cosine", examples=[0.87])
    probabilities: dict[str, float] | None = Field(
        description="P(same class as the query) at every scale; null without a gauge",
        examples=[{"fine": 0.61, "middle": 0.93, "coarse": 0.99}],
    )
    labels: dict[str, str] = Field(examples=[{"fine": "é", "middle": "e", "coarse": "Latin"}])
    metadata: dict[str, Any] = Field(examples=[{"face": "DejaVu Sans"}])


class GroupOut(BaseModel):
    """The best results of one class."""

    name: str = Field(examples=["e"])
    results: list[Result]


class Query(BaseModel):
    """What was asked."""

    id: str | None


class SearchOut(BaseModel):
    """What was found, the most similar first."""

    query: Query
    results: list[Result]
    groups: list[GroupOut] | None = Field(description="with `group_by`: by class, the best class first")
    took_ms: float


class ScaleSame(BaseModel):
    """Same or different at one scale."""

    name: str
    probability: float | None = Field(description="P(same class); null without a gauge")
    same: bool | None = Field(description="whether that is likelier than not")
    threshold: float | None = Field(description="the similarity from which on it is")


class CompareOut(BaseModel):
    """Two pictures, read at every scale, fine to coarse."""

    similarity: float
    scales: list[ScaleSame]


class EmbedOut(BaseModel):
    """A vector a picture, in the order of the pictures."""

    dim: int
    vectors: list[list[float]]


class Curve(BaseModel):
    """P(same class) over similarity."""

    similarity: list[float]
    probability: list[float]


class ScaleOut(BaseModel):
    """One scale of the gauge."""

    name: str
    threshold: float | None = Field(
        description="from this similarity on the same is likelier than not; null if never, or without a gauge"
    )
    eer: float | None = Field(description="the equal error rate; null without a gauge")
    curve: Curve | None


class ScalesOut(BaseModel):
    """The gauge, fine to coarse."""

    scales: list[ScaleOut]
    dynamic_range_db: float | None
    resolved: int | None = Field(description="scales whose equal error rate lies below the bound")
    model: str | None = Field(description="SHA-256 of the model's weights")
    count: int = Field(description="items in the gallery")


class ClassOut(BaseModel):
    """A class at a scale."""

    name: str
    parent: str | None = Field(description="its class at the next coarser scale")
    count: int


class TaxonomyOut(BaseModel):
    """The classes of the gallery's items."""

    scales: list[str]
    classes: dict[str, list[ClassOut]]


class ItemOut(BaseModel):
    """An item."""

    id: str
    labels: dict[str, str]
    metadata: dict[str, Any]


class ItemsOut(BaseModel):
    """A page of items, by id."""

    items: list[ItemOut]
    next: str | None = Field(description="what `after` must be for the next page; null after the last")


class AddedOut(BaseModel):
    """An item that was taken."""

    id: str
    added: bool = Field(description="false where an item of this id was replaced or was the same")


class MapOut(BaseModel):
    """Items in the plane, near each other where they are similar."""

    ids: list[str]
    x: list[float]
    y: list[float]
    labels: dict[str, list[int]] = Field(
        description="per scale: the place of the item's class in `names`, or -1"
    )
    names: dict[str, list[str]]


class HealthOut(BaseModel):
    """How the service is."""

    status: str = Field(examples=["ok"])
