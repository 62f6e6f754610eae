"""Whatever is sent, the answer is one that the vendor would give: never a failure of the sandbox itself."""

from __future__ import annotations

import copy
import random

import pytest

_NONSENSE = (
    *(None, 0, -1, 5, 2.5, True),
    *("", "x", "5", "ENABLED", "2026-11-01"),
    *([], ["x"], [{}], {}, {"text": "x"}, {"x": 1}),
)

_WORDS = """
SELECT FROM WHERE AND OR ORDER BY LIMIT PARAMETERS IN NOT LIKE BETWEEN DURING IS NULL CONTAINS ANY DESC ( ) , = != >= <
campaign ad_group_ad campaign.id campaign.name campaign.status campaign.labels segments.date segments.device
metrics.clicks metrics.conversions segments.conversion_action customer.id change_status.last_change_date_time
'2026-11-01' '2026-11-20' 'x' "y" 5 -1 2.5 TRUE ENABLED LAST_7_DAYS omit_unselected_resource_names true ' * ;
"""


def _places(value, path=()):
    """All paths into an object."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in pairs:
        yield (*path, key)
        yield from _places(each, (*path, key))


def _spoilt(operations, rng):
    """Operations with some values replaced by nonsense."""
    spoilt = copy.deepcopy(operations)
    for _ in range(rng.randint(1, 3)):
        *above, last = rng.choice(list(_places(spoilt)))
        value = spoilt
        for key in above:
            value = value[key]
        value[last] = copy.deepcopy(rng.choice(_NONSENSE))
    return spoilt


@pytest.mark.parametrize("seed", range(4))
def test_changes(shop, whole_campaign, seed):
    rng = random.Random(seed)
    update = {
        "campaignOperation": {
            "update": {
                "resourceName": shop.named("campaigns", shop.campaign.id),
                "name": "Other",
                "status": "PAUSED",
                "targetCpa": {"targetCpaMicros": "5000000"},
                "networkSettings": {"targetGoogleSearch": True},
            },
            "updateMask": "name,status,targetCpa.targetCpaMicros,networkSettings.targetGoogleSearch",
        }
    }
    texts = {
        "adOperation": {
            "update": {
                "resourceName": shop.named("ads", shop.ad.id),
                "responsiveSearchAd": {"headlines": [{"text": "One"}, {"text": "Two"}, {"text": "Three"}]},
                "finalUrls": ["https://shop.example/"],
            },
            "updateMask": "responsiveSearchAd.headlines,finalUrls",
        }
    }
    operations = [*whole_campaign, update, texts]
    for _ in range(60):
        response = shop.mutate("googleAds", *_spoilt(operations, rng), validateOnly=rng.random() < 0.5)
        assert response.status_code in (200, 400, 404)
        assert response.json() or response.status_code == 200


@pytest.mark.parametrize("seed", range(4))
def test_queries(api, seed):
    rng = random.Random(seed)
    login = api.manager_id
    query = (
        "SELECT campaign.id , metrics.clicks FROM campaign WHERE segments.date BETWEEN '2026-11-01' AND '2026-11-20'"
    )
    for _ in range(100):
        words = query.split()
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(words))
            words[place : place + rng.randint(0, 1)] = rng.choices(_WORDS.split(), k=rng.randint(0, 2))
        response = api.stream(" ".join(words), login=login)
        assert response.status_code in (200, 400), " ".join(words)
        assert isinstance(response.json(), list)
