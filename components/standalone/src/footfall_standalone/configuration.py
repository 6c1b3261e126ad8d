"""The settings of every component of the process, read once from the environment."""

from collections.abc import Mapping
from typing import NamedTuple

from footfall_common.settings import Settings, refuse_unknown
from footfall_identity.settings import IdentitySettings
from footfall_raw_receiver.settings import RawReceiverSettings
from footfall_receiver.settings import ReceiverSettings
from footfall_report.settings import ReportSettings
from footfall_standalone.addresses import Addresses
from footfall_standalone.datadir import DataDir
from footfall_standalone.settings import StandaloneSettings
from footfall_tenant.settings import TenantSettings


class Configuration(NamedTuple):
    """One settings object a component."""

    standalone: StandaloneSettings
    identity: IdentitySettings
    tenant: TenantSettings
    receiver: ReceiverSettings
    raw_receiver: RawReceiverSettings
    report: ReportSettings


CLASSES: tuple[type[Settings], ...] = (
    StandaloneSettings,
    IdentitySettings,
    TenantSettings,
    ReceiverSettings,
    RawReceiverSettings,
    ReportSettings,
)


def load(environ: Mapping[str, str]) -> Configuration:
    """All settings. Raises SettingsInvalid: the process must not start."""
    refuse_unknown(environ, CLASSES)
    return Configuration(
        standalone=StandaloneSettings.load(environ),
        identity=IdentitySettings.load(environ),
        tenant=TenantSettings.load(environ),
        receiver=ReceiverSettings.load(environ),
        raw_receiver=RawReceiverSettings.load(environ),
        report=ReportSettings.load(environ),
    )


def placed(configuration: Configuration, addresses: Addresses, data: DataDir) -> Configuration:
    """The same with what this process knows by itself: its own addresses and folders, where none were given."""
    identity, report = configuration.identity, configuration.report
    if "issuer" not in identity.model_fields_set:
        identity = identity.model_copy(update={"issuer": addresses.identity})
    if report.data_dir is None:
        report = report.model_copy(update={"data_dir": data.path / "report"})
    return configuration._replace(identity=identity, report=report)
