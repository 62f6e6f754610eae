"""The refusals of the Microsoft Advertising API, in the shapes of its fault bodies."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from adjoin_microsoft.sandbox.codes import problem

__all__ = ["RawRefusal", "Refusal", "Shape", "bad_body", "fault", "missing_header", "operation_error"]

#: `api` is AdApiFaultDetail, `operation` ApiFaultDetail, `customer` ApiFault (Customer Management; without ErrorCode).
Shape: TypeAlias = Literal["api", "operation", "customer"]


class Refusal(Exception):
    """An error as a service answers it: under an HTTP status, with a body that tells its shape by `Type`."""

    def __init__(
        self, code: int, *, status: int = 400, shape: Shape = "api", message: str = "", details: str | None = None
    ) -> None:
        name, usual = problem(code)
        super().__init__(message or usual)
        self.code = code
        self.name = name
        self.message = message or usual
        self.details = details
        self.status = status
        self.shape = shape

    def body(self, tracking_id: str) -> bytes:
        """The JSON of the answer."""
        error: dict[str, Any] = {"Code": self.code}
        if self.shape == "api":
            error |= {"Detail": self.details, "ErrorCode": self.name, "Message": self.message}
            value: dict[str, Any] = {"TrackingId": tracking_id, "Type": "AdApiFaultDetail", "Errors": [error]}
        elif self.shape == "operation":
            error |= {"Details": self.details, "ErrorCode": self.name, "Message": self.message}
            value = {
                "TrackingId": tracking_id,
                "Type": "ApiFaultDetail",
                "OperationErrors": [error],
                "BatchErrors": [],
            }
        else:
            error |= {"Details": self.details, "Message": self.message}
            value = {"TrackingId": tracking_id, "Type": "ApiFault", "OperationErrors": [error]}
        return msgspec.json.encode(value)


class RawRefusal(Exception):
    """An answer that is no fault body of the API: of a gateway in front of it, or of the file store."""

    def __init__(self, text: str, *, status: int, media_type: str) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.media_type = media_type


def fault(code: int, *, status: int = 400, details: str | None = None) -> Refusal:
    """A refusal before the operation is looked at: of the token, the headers, the body or the rate."""
    return Refusal(code, status=status, details=details)


def operation_error(code: int, details: str | None = None) -> Refusal:
    """A refusal of the whole operation by its service."""
    return Refusal(code, shape="operation", details=details)


def bad_body(path: str, why: str) -> Refusal:
    """A body that cannot be read counts as no request at all."""
    return fault(100, details=f"{why} Path '{path}'.")


def missing_header(name: str) -> Refusal:
    return fault(116, details=name)
