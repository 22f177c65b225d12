"""Which column of a table says who, what, when and how much: by names that shops and data sets give them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tfgen.errors import UserError, unknown

# As they are written without signs, the surest first.
_USERS = (
    "user", "userid", "username", "customer", "customerid", "customernumber", "client", "clientid", "member",
    "memberid", "visitor", "visitorid", "reviewerid", "borrower", "student", "studentid", "session", "sessionid",
    "basket", "basketid", "cart", "cartid", "order", "orderid", "ordernumber", "invoice", "invoiceno", "invoiceid",
    "transaction", "transactionid", "receipt", "receiptid",
)  # fmt: skip
_ITEMS = (
    "item", "itemid", "itemname", "product", "productid", "productname", "productcode", "sku", "stockcode", "asin",
    "parentasin", "article", "articleid", "movie", "movieid", "book", "bookid", "isbn", "song", "songid", "track",
    "trackid", "artist", "artistid", "course", "courseid", "game", "gameid", "recipe", "recipeid", "title", "name",
    "itemdescription", "description",
)  # fmt: skip
_TITLES = ("title", "itemname", "productname", "movietitle", "booktitle", "itemdescription", "description", "name")
_TIMES = (
    "time", "timestamp", "datetime", "date", "day", "invoicedate", "orderdate", "purchasedate", "purchasetime",
    "eventtime", "createdat", "created", "unixreviewtime",
)  # fmt: skip
_QUANTITIES = ("quantity", "qty", "units", "count")
_RATINGS = ("rating", "stars", "overall")
# With these alone, and few others beside, a table is surely of baskets.
_SURE_USERS, _SURE_ITEMS = ("user", "userid"), ("item", "itemid")
_MOST_BESIDE = 3  # further columns


@dataclass(frozen=True)
class Roles:
    """The names of the columns; None where there is none."""

    user: str
    item: str
    title: str | None
    time: str | None
    quantity: str | None
    rating: str | None


def plain(name: str) -> str:
    """A name as it is compared: of "user_id:token", "User ID" and "userId" the same."""
    return re.sub(r"[^a-z0-9]", "", name.partition(":")[0].casefold())


def is_surely_interactions(names: Sequence[str]) -> bool:
    """Whether columns are a user, an item and little else."""
    known = {plain(name) for name in names}
    return bool(known & {*_SURE_USERS} and known & {*_SURE_ITEMS}) and len(names) <= 2 + _MOST_BESIDE


def roles_of(names: Sequence[str], said: Mapping[str, str], source: str) -> Roles:
    """The columns that the settings name, and what is found for the others.

    Raises:
        UserError: a column isn't there, or nobody can tell which are the users and the items.
    """
    for role in ("user", "item", "title", "time"):
        if role in said and said[role] not in ("", *names):
            raise unknown("column", said[role], names)

    def find(role: str, known: Sequence[str], taken: Sequence[str | None] = ()) -> str | None:
        if role in said:
            return said[role] or None
        by_name = {plain(name): name for name in reversed(names)}
        return next((by_name[each] for each in known if each in by_name and by_name[each] not in taken), None)

    user = find("user", _USERS)
    item = find("item", _ITEMS, [user])
    if user is None or item is None:
        missing = "users or baskets" if user is None else "items"
        setting = "user" if user is None else "item"
        raise UserError(
            f"'{source}' has no column that is known to hold the {missing}: there are {', '.join(names[:8])}.",
            f"Say which it is with --set {setting}=COLUMN.",
        )
    title = find("title", _TITLES, [user, item])
    time = find("time", _TIMES, [user, item])
    return Roles(user, item, title, time, find("", _QUANTITIES), find("", _RATINGS))
