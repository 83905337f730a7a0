"""Who is behind visits and events: one person, before signing in too."""

from typing import TYPE_CHECKING, Any

from topline.metrics.view import with_person

if TYPE_CHECKING:
    from topline.metrics.view import Tables


def stitched(rows: Any, tables: "Tables") -> Any:
    """The rows of visits or events with `person`.

    It is the customer where known. A visitor who was only ever one customer is that customer in all visits; any other
    visitor is somebody of their own.
    """
    rows = with_person(rows, tables)
    known = rows.filter(rows.customer.notnull()).group_by("visitor_key")
    known = known.aggregate(one=rows.customer.min(), other=rows.customer.max())
    known = known.filter(known.one == known.other).select(seen_key="visitor_key", seen="one")
    joined = rows.left_join(known, rows.visitor_key == known.seen_key)
    customer = joined.customer.fill_null(joined.seen)
    person = ("customer " + customer).fill_null("visitor " + joined.visitor_key)
    return joined.mutate(person=person).drop("seen_key", "seen", "customer")
