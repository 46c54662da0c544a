"""Real OpenStack sites behind their proxies, for `run` and for tests: with this folder's parent on sys.path,

from lab import Lab, three_sites

with Lab(folder, three_sites(folder, venv), links=True) as lab:
    lab.openstack("Paris-alice", "server", "list", scope="{nova: Paris&Corte}")
    lab.cut("Paris", "Corte")
"""

from lab.cloud import Lab
from lab.openstack import CommandFailed
from lab.sites import APIS, Api, LabError, Site, some_sites, three_sites

__all__ = ["APIS", "Api", "CommandFailed", "Lab", "LabError", "Site", "some_sites", "three_sites"]
