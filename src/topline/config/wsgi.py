"""The application that a WSGI server runs: the collector, and Django behind it."""

from django.core.wsgi import get_wsgi_application

django = get_wsgi_application()

from topline.web.collector import Collector  # noqa: E402 - its models need the apps, which Django has loaded only now

application = Collector(django)
