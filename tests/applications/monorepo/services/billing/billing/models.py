"""Invoices and their lines."""

from datetime import datetime

from sqlalchemy import ForeignKey, Numeric, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """What the models derive from."""


class Invoice(Base):
    """An invoice."""

    __tablename__ = "invoices"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    created_at: Mapped[datetime]
    lines: Mapped[list["Line"]] = relationship(back_populates="invoice")


class Line(Base):
    """A line of an invoice."""

    __tablename__ = "invoice_lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoices.id"), index=True)
    amount: Mapped[float] = mapped_column(Numeric(10, 2))
    invoice: Mapped[Invoice] = relationship(back_populates="lines")
