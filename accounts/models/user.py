"""The user: a person, an organisation or a machine that has an account at the hub."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from hubsite.visible_text import hidden_fault

from ..scopes import OPERATE_HUB, READ_HUB, SCOPES
from .user_ids import user_id_of


class UserManager(BaseUserManager["User"]):
    def get_by_email(self, email: str) -> User:
        """The user with this e-mail, however it is capitalised. Raises User.DoesNotExist."""
        return self.alias(folded_email=Lower("email")).get(
            folded_email=Lower(models.Value(email.strip()))
        )

    def get_by_natural_key(self, username: str | None) -> User:
        """The user with this e-mail or user id: people may type either at the login."""
        if "@" in (username or ""):
            return self.get_by_email(username)
        return self.get(username=username)

    def get_or_create_by_email(self, email: str, **fields) -> tuple[User, bool]:
        """The user with `email`, created with `fields` if there is none, and whether it is new.

        Safe if two requests arrive at once. Raises ValidationError if it is no e-mail address.
        """
        self._check_email(email.strip())
        try:
            return self.get_by_email(email), False
        except self.model.DoesNotExist:
            pass
        try:
            with transaction.atomic(using=self.db):
                return self.create_user(email, **fields), True
        except IntegrityError:
            return self.get_by_email(email), False  # another request was first

    def create_user(self, email: str, password: str | None = None, **fields) -> User:
        """Create a user. The e-mail is kept as given, because the user id is made from it."""
        email = email.strip()
        self._check_email(email)
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.save(using=self.db)
        return user

    def _check_email(self, email: str) -> None:
        self.model._meta.get_field("email").clean(email, None)

    def create_superuser(self, email: str, password: str | None = None, **fields) -> User:
        return self.create_user(
            email, password, **{**fields, "is_staff": True, "is_superuser": True}
        )


class User(AbstractUser):
    """A user. `username` is the user id: made from the first e-mail, and never changed.

    Spellings of an e-mail that differ only in case are the same user.
    """

    email = models.EmailField(
        _("e-mail"), unique=True, error_messages={"unique": "A user with this e-mail exists."}
    )
    username = models.CharField(
        _("user id"),
        max_length=150,
        unique=True,
        editable=False,
        help_text=_("Made from the e-mail as first registered. Jobs are named after it."),
    )

    is_service_account = models.BooleanField(
        _("service account"),
        default=False,
        help_text=_("A machine: it has clients, but nobody signs in with it."),
    )
    language = models.CharField(
        _("language"),
        max_length=8,
        blank=True,
        choices=settings.LANGUAGES,
        help_text=_("Of the pages. Empty: what the browser asks for."),
    )
    forgotten_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text=_("The person was deleted; what is left tells only what was spent."),
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []

    objects = UserManager()

    class Meta:
        verbose_name = _("user")
        permissions = list(SCOPES.items())
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="user_email_any_case",
                violation_error_message=_("A user with this e-mail exists."),
            ),
        ]

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        """Keep the e-mail as it was given (Django would change the case of its domain).

        Refuse names with characters that do not show.
        """
        faults = {name: hidden_fault(getattr(self, name)) for name in ("first_name", "last_name")}
        if any(faults.values()):
            raise ValidationError({name: fault for name, fault in faults.items() if fault})

    def save(self, *args, **kwargs) -> None:
        if self._state.adding and not self.username:
            self.username = self._free_user_id()
        super().save(*args, **kwargs)

    def _free_user_id(self) -> str:
        """A free id: of this e-mail, or of `e-mail#n` if another user has that id."""
        candidate, number = user_id_of(self.email), 1
        while type(self).objects.filter(username=candidate).exists():
            number += 1
            candidate = user_id_of(f"{self.email}#{number}")
        return candidate

    @property
    def user_id(self) -> str:
        return self.username

    @property
    def is_operator(self) -> bool:
        return self.has_perm(f"accounts.{OPERATE_HUB}")

    @property
    def reads_hub(self) -> bool:
        """Whether the user may see what belongs to others: operators and support."""
        return self.has_perm(f"accounts.{READ_HUB}") or self.is_operator
