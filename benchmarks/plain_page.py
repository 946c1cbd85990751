"""The words of an edition as a bare page with nothing of ours: the floor of size, of opening and of rendering.

Knows no template of the program's.
"""

import jinja2

from digest.models import FIELDS, Edition

PLAIN = """<!doctype html>
<html lang="{{ day.language }}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ day.announced }}</title></head><body><h1>{{ day.announced }}</h1>
{% for one in day.entries %}<article>
<h2><a href="https://arxiv.org/abs/{{ one.paper.arxiv_id }}">{{ one.paper.title }}</a></h2>
<p>{{ one.paper.authors|join(", ") }}</p><p>{{ one.paper.categories|join(" ") }} {{ one.paper.comment or "" }}</p>
{% if one.card %}{% for name in names %}<p>{{ one.card[name] }}</p>{% endfor %}{% endif %}
<p>{{ one.paper.abstract }}</p></article>
{% endfor %}</body></html>
"""

_plain = jinja2.Environment(autoescape=True).from_string(PLAIN)


def plain_page(day: Edition) -> bytes:
    """The edition as a bare page."""
    return _plain.render(day=day, names=FIELDS).encode()
