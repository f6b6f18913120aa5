"""The service: an embedder and a gallery behind HTTP. The extra `serve`.

`create_app` makes the application; `dyml serve` runs it.
"""

from dyml.errors import RunError

try:
    import fastapi as _fastapi  # noqa: F401
except ImportError as error:
    raise RunError('the service needs more packages: pip install "dyml[serve]"') from error

from dyml.serve.app import create_app
from dyml.serve.keys import Keys, new_key, read_keys
from dyml.serve.limits import Limits

__all__ = ["Keys", "Limits", "create_app", "new_key", "read_keys"]
