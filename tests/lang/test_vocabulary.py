import pytest

from scopeproxy.lang.vocabulary import OPENSTACK, Vocabulary, openstack_services


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("nova", "compute"),
        ("compute", "compute"),
        ("NOVA", "compute"),
        ("compute_legacy", "compute"),
        ("glance", "image"),
        ("keystone", "identity"),
        ("neutron", "network"),
        ("cinder", "block-storage"),
        ("volumev3", "block-storage"),
        ("block-storage", "block-storage"),
        ("placement", "placement"),
        ("swift", "object-store"),
        ("heat", "orchestration"),
        ("octavia", "load-balancer"),
        ("ironic", "baremetal"),
        ("designate", "dns"),
        ("barbican", "key-manager"),
        ("*", "*"),
        ("imag", None),
        ("", None),
    ],
)
def test_a_service_is_known_by_type_alias_and_project(name, service):
    assert OPENSTACK.service(name) == service


def test_every_official_type_stands_for_itself():
    for service in set(openstack_services().values()):
        assert OPENSTACK.service(service) == service


def test_a_deployment_has_services_of_its_own():
    shop = Vocabulary(own=frozenset({"my-shop", "Cart"}))
    assert shop.service("my-shop") == "my-shop"
    assert shop.service("CART") == "Cart"
    assert shop.service("nova") == "compute"
    assert OPENSTACK.service("my-shop") is None


def test_an_own_service_wins_over_a_name_of_openstack():
    assert Vocabulary(own=frozenset({"heat"})).service("heat") == "heat"


@pytest.mark.parametrize(
    ("key", "service"),
    [
        ("block_storage", "block-storage"),
        ("object_store", "object-store"),
        ("compute_legacy", "compute"),
        ("my_shop", "my-shop"),
        ("nova", "compute"),
        ("no_va", None),
    ],
)
def test_a_key_of_clouds_yaml_may_have_lost_its_dashes(key, service):
    assert Vocabulary(own=frozenset({"my-shop"})).service_by_key(key) == service


def test_suggestions_come_from_own_services_and_openstack():
    names = Vocabulary(own=frozenset({"shop"})).services
    assert names[0] == "shop"
    assert {"nova", "compute"} <= set(names)
