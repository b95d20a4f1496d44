"""What it takes to reach a Dask scheduler that talks by TLS."""

from landcover.errors import LandcoverError


def check_certificates(scheduler: str) -> None:
    """Raise LandcoverError for an address with TLS where Dask's configuration gives no certificates, or such as cannot
    be read."""
    if not scheduler.startswith("tls://"):
        return
    from distributed.security import Security

    try:
        reason = "" if Security().get_connection_args("client").get("ssl_context") else "it names none"
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
    if reason:
        raise LandcoverError(
            f"--scheduler {scheduler}: needs the certificates of distributed.comm.tls in Dask's configuration "
            f"({reason}): give them in its files, or in the environment"
        )
