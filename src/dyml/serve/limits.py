"""Every bound of the service, in one place."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dyml.data.images import MAX_PIXELS
from dyml.errors import ConfigError

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]
MIB = 1024**2


class Limits(BaseModel):
    """What one request, and all of them together, may ask of the service.

    Raises:
        ConfigError: a bound is unknown, out of range, or contradicts another.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    upload_bytes: Count = Field(16 * MIB, description="bytes of one uploaded picture")
    body_bytes: Count = Field(64 * MIB, description="bytes of the body of one request")
    json_bytes: Count = Field(1 * MIB, description="bytes of a JSON body or field")
    json_depth: Annotated[int, Field(ge=2, le=100)] = Field(16, description="levels of nested JSON")
    held_bytes: Count = Field(256 * MIB, description="bytes of all bodies in memory at one time")
    pixels: Annotated[int, Field(ge=1, le=MAX_PIXELS)] = Field(
        32_000_000, description="pixels of a picture, by its header"
    )
    batch: Count = Field(32, description="pictures in one request to embed")
    k: Count = Field(1000, description="results of one search")
    per_class: Count = Field(100, description="results of one class when grouped")
    page: Count = Field(1000, description="items in one page of a listing")
    map_points: Count = Field(20_000, description="points of the map; of more, evenly spaced ones are shown")
    forward_batch: Count = Field(32, description="pictures in one forward pass, of all clients together")
    forward_wait: Annotated[float, Field(ge=0)] = Field(
        0.002, description="seconds that a picture waits for others to share its forward pass"
    )
    queue: Count = Field(256, description="pictures that wait for a forward pass")
    requests: Count = Field(1024, description="requests at one time")
    decoders: Annotated[int, Field(ge=0)] = Field(0, description="decoding threads; 0: one a core")
    readers: Count = Field(2, description="searches at one time")
    header_seconds: Seconds = Field(10.0, description="seconds for the header of a request")
    body_seconds: Seconds = Field(60.0, description="seconds for the body of a request")
    write_seconds: Seconds = Field(30.0, description="seconds that a client may leave an answer unread")
    idle_seconds: Seconds = Field(15.0, description="seconds that a connection may stay without a request")
    deadline: Seconds = Field(30.0, description="seconds from the whole request to its answer")
    drain_seconds: Annotated[float, Field(ge=0)] = Field(
        1.0, description="seconds from the wish to end (SIGTERM), told by /readyz, to the closed door"
    )
    refresh_seconds: Seconds = Field(1.0, description="seconds between looks for a newer gallery")

    def __init__(self, **values: float) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"])) or "limits"
            raise ConfigError(f"limits of the service: {name}: {first['msg']}") from None

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.batch > self.queue:
            raise ValueError(f"batch ({self.batch}) must not be above queue ({self.queue})")
        if self.upload_bytes > self.body_bytes or self.json_bytes > self.body_bytes:
            raise ValueError("upload_bytes and json_bytes must not be above body_bytes")
        if self.body_bytes > self.held_bytes:
            raise ValueError("body_bytes must not be above held_bytes")
        return self
