"""Users of the console, and tokens that programs show."""

from typing import Annotated, Any, Final, TypedDict, get_args

from proxy.verbs.shapes.fields import line_field, lines_field, one_of_field, words_field
from proxy.verbs.shapes.kinds import Moment
from proxy.verbs.shapes.verb import NOT_BY_MQTT, SOCKET, In, Nothing, Role, Verb

SHORTEST_PASSWORD: Final = 8
LONGEST_PASSWORD: Final = 256
MOST_GROUPS: Final = 100
LONGEST_SPAN: Final = 16
"""Characters of a duration."""

ROLE: Final = "What they may: admin everything, supervisor what is of their groups, agent what is their own."


class User(TypedDict):
    """Somebody who may log in."""

    name: str
    role: str
    groups: Annotated[list[str] | None, "Of a supervisor: theirs; null: every one, or of another role"]
    agent: Annotated[str | None, "Of an agent: their extension"]
    created: Moment
    disabled: Annotated[Moment | None, "Since when they may not log in; null: they may"]


class NewUser(User):
    """A user with a password that was made for them."""

    password: Annotated[str | None, "Shown this once; null: it was given"]


class Token(TypedDict):
    """What a program shows as `Authorization: Bearer TOKEN`."""

    id: Annotated[str, "UUID version 7"]
    name: str
    role: str
    groups: list[str] | None
    agent: str | None
    created: Moment
    expires: Annotated[Moment | None, "When it is good no more; null: never"]
    revoked: Annotated[Moment | None, "When it was taken back"]


class NewToken(Token):
    """A token that was just made."""

    token: Annotated[str, "Shown this once: what is kept is its SHA-256"]


class OneUser(In):
    """Which user."""

    name: str = line_field("Of the user.", required=True, place="NAME")


class AddUser(OneUser):
    """Who may log in."""

    role: Role = one_of_field(ROLE, get_args(Role), required=True)
    groups: tuple[str, ...] = words_field("Groups of a supervisor.", MOST_GROUPS, each="group")
    agent: str | None = line_field("Extension of an agent.")
    password: str | None = lines_field("At least 8 characters; one is made and shown once where it is left out.",
                                       most=LONGEST_PASSWORD)


class ChangeUser(OneUser):
    """What a user may from now on."""

    role: Role = one_of_field(ROLE, get_args(Role), required=True)
    groups: tuple[str, ...] = words_field("Groups of a supervisor.", MOST_GROUPS, each="group")
    agent: str | None = line_field("Extension of an agent.")


class SetPassword(OneUser):
    """Whose password is another."""

    password: str | None = lines_field("At least 8 characters; one is made and shown once where it is left out.",
                                       most=LONGEST_PASSWORD)


class OwnPassword(OneUser):
    """What somebody who has logged in logs in with from now on."""

    password: str = lines_field("At least 8 characters.", most=LONGEST_PASSWORD, required=True)


class AddToken(In):
    """What a program is to show."""

    name: str = line_field("Of the token, as lists and the audit log show it.", required=True, place="NAME")
    role: Role = one_of_field(ROLE, get_args(Role), required=True)
    groups: tuple[str, ...] = words_field("Groups of a supervisor.", MOST_GROUPS, each="group")
    agent: str | None = line_field("Extension of an agent.")
    expires: str | None = line_field("How long it is good, such as 90d; for ever where left out.", most=LONGEST_SPAN)


class OneToken(In):
    """Which token."""

    name: str = line_field("Of the token, or its id.", required=True, place="NAME")


USERS: Final = Verb("users.list", Nothing, list[User], "admin", "Who may log in", doors=NOT_BY_MQTT)
ADD_USER: Final = Verb("users.add", AddUser, NewUser, "admin", "Let somebody log in", changes=True, doors=NOT_BY_MQTT)
CHANGE_USER: Final = Verb("users.change", ChangeUser, User, "admin", "Give a user another role, groups or extension",
                          changes=True, doors=NOT_BY_MQTT, key="name")
PASSWD: Final = Verb("users.passwd", SetPassword, NewUser, "admin", "Give a user another password", changes=True,
                     doors=NOT_BY_MQTT, key="name")
DISABLE: Final = Verb("users.disable", OneUser, User, "admin", "Let a user not log in any more, and end their sessions",
                      changes=True, doors=NOT_BY_MQTT, key="name")
ENABLE: Final = Verb("users.enable", OneUser, User, "admin", "Let a user log in again", changes=True,
                     doors=NOT_BY_MQTT, key="name")
OWN_PASSWORD: Final = Verb("account.passwd", OwnPassword, User, "agent",
                           "Give oneself another password, once the console has looked at the old one", changes=True,
                           doors=SOCKET, key="name")
TOKENS: Final = Verb("tokens.list", Nothing, list[Token], "admin", "Tokens of programs", doors=NOT_BY_MQTT)
ADD_TOKEN: Final = Verb("tokens.add", AddToken, NewToken, "admin", "Make a token for a program", changes=True,
                        doors=NOT_BY_MQTT)
REVOKE: Final = Verb("tokens.revoke", OneToken, Token, "admin", "Take a token back", changes=True, doors=NOT_BY_MQTT,
                     key="name")

OF_USERS: Final[tuple[Verb[Any, Any], ...]] = (USERS, ADD_USER, CHANGE_USER, PASSWD, DISABLE, ENABLE)
OF_TOKENS: Final[tuple[Verb[Any, Any], ...]] = (TOKENS, ADD_TOKEN, REVOKE)
VERBS: Final[tuple[Verb[Any, Any], ...]] = (*OF_USERS, *OF_TOKENS, OWN_PASSWORD)
