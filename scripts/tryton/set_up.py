"""Sets up the development firm's German company in an empty Tryton database.

    set_up.py passwords FOLDER   makes a password for each user
    set_up.py firm FOLDER        fills the database `firm` of FOLDER/trytond.conf, and writes FOLDER/ids.json
    set_up.py one-file FOLDER    leaves that database in one file, where it is an SQLite database

The company, its people, roles, prices and tax are those that the emulated systems of the development firm know, so
that one deal can be played on either. Nothing here is Fairlead's: it is what a firm's own administrator does.
"""

import datetime as dt
import json
import os
import secrets
import sqlite3
import sys
from decimal import Decimal
from pathlib import Path

from proteus import Model, Wizard, config

COMPANY = "Northwind Advisory Deutschland"
DATABASE = "firm"
MAIL = "northwind-advisory.example"

# Name, hourly cost in euros.
PEOPLE = [
    ("Anna Keller", "210"),
    ("James Whitfield", "122.34"),
    ("Maria Santos", "73.21"),
    ("Tom Becker", "74"),
    ("Priya Nair", "125.83"),
    ("Lee Morgan", "51.79"),
    ("Helen Cho", "105.36"),
]

# What time is sold as, by canonical code: name, list price of an hour in euros.
ROLES = {
    "partner": ("Partner", "420"),
    "senior-consultant": ("Senior Consultant", "260"),
    "consultant": ("Consultant", "195"),
    "analyst": ("Analyst", "140"),
    "project-manager": ("Project Manager", "240"),
}

# What else is charged to clients, by the unit.
CHARGES = {
    "time-and-materials": "Time and Materials Services",
    "fixed-fee": "Fixed Fee Services",
    "milestone": "Milestone Billing",
    "retainer": "Retainer",
    "expenses": "Reimbursable Expenses",
    "rounding": "Rounding Difference",
}

# What people spend on projects.
EXPENSES = {"travel": "Travel", "lodging": "Lodging", "meals": "Meals"}

# Countries of the firm and its clients. (Tryton can import all of them; these are enough for the development firm.)
COUNTRIES = {
    "AT": ("Austria", "AUT", "040"),
    "CH": ("Switzerland", "CHE", "756"),
    "DE": ("Germany", "DEU", "276"),
    "FR": ("France", "FRA", "250"),
    "GB": ("United Kingdom", "GBR", "826"),
    "NL": ("Netherlands", "NLD", "528"),
    "US": ("United States", "USA", "840"),
}

# Units for one euro, from these days on.
CURRENCIES = {
    "EUR": ("Euro", "978", {"01-01": "1"}),
    "USD": ("US Dollar", "840", {"01-01": "1.09", "09-01": "1.12"}),
    "GBP": ("British Pound", "826", {"01-01": "0.858268", "09-01": "0.854962"}),
}

# Payment terms, in days.
TERMS = {"Due on receipt": 0, "Net 15": 15, "Net 30": 30, "Net 45": 45, "Net 60": 60}

TAX = Decimal("0.19")

# Accounts of the chart that comes with Tryton: cash, trade receivables, trade payables, services sold over time, services
# bought, accrued taxes.
ACCOUNTS = {
    "cash": "1.1.1",
    "receivable": "1.2.1",
    "payable": "2.1.1",
    "revenue": "4.2.2",
    "expense": "5.1.3",
    "tax": "2.2.3",
}

# Months before the current one that still take postings; those before are closed.
OPEN_MONTHS = 3

# Login: name, groups. `fairlead` is the integration: it may write what the connector writes, and no more.
USERS = {
    "fairlead": (
        "Fairlead",
        [
            ("account", "group_account"),
            ("project", "group_project_admin"),
            ("timesheet", "group_timesheet_admin"),
            ("sale_opportunity", "group_opportunity"),
        ],
    ),
    "nora.lindqvist": (
        "Nora Lindqvist",
        [("account", "group_account"), ("account", "group_account_admin")],
    ),
    "sam.ortiz": (
        "Sam Ortiz",
        [("sale", "group_sale"), ("sale_opportunity", "group_opportunity")],
    ),
}


def passwords(folder):
    """A password for the administrator and for each user who has none yet, readable by us alone."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for login in ["admin", *USERS]:
        if (folder / login).exists():
            continue
        descriptor = os.open(folder / login, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(24))


def records(model, names, find="name"):
    """Records by what they are called, in the order asked for."""
    return [one(model, (find, "=", name)) for name in names]


def one(model, *domain):
    """The record that a domain means; an error where there is none or more than one."""
    (found,) = Model.get(model).find(list(domain))
    return found


def by_xml(module, name):
    """Id of a record that a module of Tryton brings."""
    return Model.get("ir.model.data").get_id(module, name, config.get_config().context)


def saved(model, **values):
    """A new record."""
    record = Model.get(model)(**values)
    record.save()
    return record


def countries():
    return {
        code: saved("country.country", code=code, name=name, code3=code3, code_numeric=numeric)
        for code, (name, code3, numeric) in COUNTRIES.items()
    }


def currencies(year):
    found = {}
    for code, (name, numeric, rates) in CURRENCIES.items():
        currency = saved(
            "currency.currency", code=code, name=name, numeric_code=numeric, symbol=code, rounding=Decimal("0.01"), digits=2
        )
        days = {f"{year - 1}-{day}": rate for day, rate in list(rates.items())[:1]}
        days |= {f"{year}-{day}": rate for day, rate in rates.items()}
        for day, rate in days.items():
            saved(
                "currency.currency.rate", currency=currency, date=dt.date.fromisoformat(day), rate=Decimal(rate)
            )
        found[code] = currency
    return found


def company(known_countries, euro):
    party = Model.get("party.party")(name=COMPANY)
    address = party.addresses[0] if party.addresses else party.addresses.new()
    address.street, address.postal_code, address.city = "Lindwurmstrasse 76", "80337", "Munich"
    address.country = known_countries["DE"]
    party.save()
    wizard = Wizard("company.company.config")
    wizard.execute("company")
    wizard.form.party = party
    # No time zone of its own: its day is UTC's, as that of the emulated systems.
    wizard.form.currency = euro
    wizard.execute("add")
    config.get_config()._context = Model.get("res.user").get_preferences(True, {})
    return one("company.company")


def chart(firm):
    """The chart of accounts that comes with Tryton, and the accounts of it that the firm uses."""
    wizard = Wizard("account.create_chart")
    wizard.execute("account")
    wizard.form.account_template = Model.get("account.account.template")(by_xml("account", "account_template_root_en"))
    wizard.form.company = firm
    wizard.execute("create_account")

    accounts = {
        what: one("account.account", ("company", "=", firm.id), ("code", "=", code)) for what, code in ACCOUNTS.items()
    }
    wizard.form.account_receivable = accounts["receivable"]
    wizard.form.account_payable = accounts["payable"]
    wizard.form.category_account_expense = accounts["expense"]
    wizard.form.category_account_revenue = accounts["revenue"]
    wizard.execute("create_properties")
    return accounts


def sequence(kind, name, firm):
    return saved("ir.sequence.strict", name=name, sequence_type=one("ir.sequence.type", ("name", "=", kind)), company=firm)


def fiscal_years(firm, today):
    """Last year and this one, by the month; months that are long over are closed."""
    first_open = today.year * 12 + today.month - 1 - OPEN_MONTHS
    years = {}
    for number in (today.year - 1, today.year):
        year = Model.get("account.fiscalyear")(name=str(number), company=firm)
        year.start_date, year.end_date = dt.date(number, 1, 1), dt.date(number, 12, 31)
        year.move_sequence = sequence("Account Move", f"Moves {number}", firm)
        invoices = sequence("Invoice", f"Invoices {number}", firm)
        invoices.prefix, invoices.padding = f"{number}-", 5
        invoices.save()
        credits = sequence("Invoice", f"Credit notes {number}", firm)
        credits.prefix, credits.padding = f"C{number}-", 5
        credits.save()
        (numbers,) = year.invoice_sequences
        numbers.out_invoice_sequence = numbers.in_invoice_sequence = invoices
        numbers.out_credit_note_sequence = numbers.in_credit_note_sequence = credits
        year.save()
        year.click("create_period")
        over = [p for p in year.periods if p.start_date.year * 12 + p.start_date.month - 1 < first_open]
        if over:
            Model.get("account.period").click(over, "close")
        years[str(number)] = year.id
    return years


def terms():
    found = {}
    for name, days in TERMS.items():
        term = Model.get("account.invoice.payment_term")(name=name)
        line = term.lines.new(type="remainder")
        line.relativedeltas.new(days=days)
        term.save()
        found[name] = term.id
    return found


def payment_method(firm, accounts):
    journal = one("account.journal", ("type", "=", "cash"))
    return saved(
        "account.invoice.payment.method",
        name="Bank transfer",
        company=firm,
        journal=journal,
        debit_account=accounts["cash"],
        credit_account=accounts["cash"],
    )


def products(accounts, tax):
    """Roles, charges and expense categories; ids of the product variants by code."""
    sold = Model.get("product.category")(name="Services", accounting=True, account_revenue=accounts["revenue"])
    sold.account_expense = accounts["expense"]
    sold.customer_taxes.append(tax)
    sold.save()
    spent = saved("product.category", name="Expenses", accounting=True, account_expense=accounts["expense"])
    hour, unit = records("product.uom", ["Hour", "Unit"])

    def product(code, name, uom, category, price, salable):
        template = Model.get("product.template")(name=name, code=code, type="service", default_uom=uom)
        template.list_price, template.account_category, template.salable = Decimal(price), category, salable
        template.save()
        return template.products[0].id

    return {
        "roles": {code: product(code, name, hour, sold, price, True) for code, (name, price) in ROLES.items()},
        "charges": {code: product(code, name, unit, sold, "0", True) for code, name in CHARGES.items()},
        "expenses": {code: product(code, name, unit, spent, "0", False) for code, name in EXPENSES.items()},
    }


def people(firm, year):
    found = {}
    for name, cost in PEOPLE:
        email = f"{name.lower().replace(' ', '.')}@{MAIL}"
        party = Model.get("party.party")(name=name)
        party.contact_mechanisms.new(type="email", value=email)
        party.save()
        employee = Model.get("company.employee")(party=party, company=firm)
        employee.start_date = dt.date(2021, 3, 1)
        employee.cost_prices.new(date=dt.date(year - 1, 1, 1), cost_price=Decimal(cost))
        employee.save()
        found[email] = employee.id
    return found


def users(firm, folder):
    found = {}
    for login, (name, groups) in USERS.items():
        user = Model.get("res.user")(login=login, name=name, email=f"{login}@{MAIL}")
        user.password = (folder / "secrets" / login).read_text()
        # A new user comes with no group but those that a default gives.
        while user.groups:
            user.groups.pop()
        for module, group in groups:
            user.groups.append(Model.get("res.group")(by_xml(module, group)))
        user.companies.append(Model.get("company.company")(firm.id))
        user.company = Model.get("company.company")(firm.id)
        user.save()
        found[login] = user.id
    return found


def fill(folder):
    """Everything, in the order in which one thing needs another."""
    config.set_trytond(DATABASE, config_file=str(folder / "trytond.conf"))
    today = dt.date.today()
    known_countries = countries()
    known_currencies = currencies(today.year)
    firm = company(known_countries, known_currencies["EUR"])
    accounts = chart(firm)
    tax = saved(
        "account.tax",
        name="German standard rate",
        description="German standard rate 19%",
        type="percentage",
        rate=TAX,
        invoice_account=accounts["tax"],
        credit_note_account=accounts["tax"],
    )
    return {
        "database": DATABASE,
        "company": firm.id,
        "company_name": COMPANY,
        "currencies": {code: currency.id for code, currency in known_currencies.items()},
        "countries": {code: country.id for code, country in known_countries.items()},
        "accounts": {kind: account.id for kind, account in accounts.items()},
        "journals": {j.type: j.id for j in Model.get("account.journal").find([])},
        "fiscal_years": fiscal_years(firm, today),
        "tax": tax.id,
        "payment_terms": terms(),
        "payment_method": payment_method(firm, accounts).id,
        **products(accounts, tax),
        "project_statuses": {
            "open": by_xml("project", "work_open_status"),
            "done": by_xml("project", "work_done_status"),
        },
        "employees": people(firm, today.year),
        "users": {"admin": 1, **users(firm, folder)},
    }


def one_file(database):
    """Leaves no second file beside an SQLite database, so that it can be copied as one."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("VACUUM")
    connection.close()


def main():
    what, folder = sys.argv[1], Path(sys.argv[2])
    if what == "passwords":
        passwords(folder)
        return
    if what == "one-file":
        one_file(folder / "template" / f"{DATABASE}.sqlite")
        return
    ids = fill(folder)
    (folder / "ids.json").write_text(json.dumps(ids, indent=2) + "\n")


if __name__ == "__main__":
    main()
