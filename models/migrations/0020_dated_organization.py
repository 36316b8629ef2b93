"""What is over stays: former places of teams, names and roles of memberships, quotas, and when a calendar changed."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from domain.permissions import Role

_FILL_NAMES = "UPDATE membership SET name = (SELECT name FROM employee WHERE employee.id = membership.employee_id)"
_FILL_ROLES = "UPDATE membership SET role = (SELECT role FROM employee WHERE employee.id = membership.employee_id)"


class Migration(migrations.Migration):
    dependencies = [("models", "0018_posting_moments")]

    operations = [
        ops.CreateModel(
            name="EarlierParent",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("team_id", fields.IntField()),
                ("parent_id", fields.IntField(default=0)),
                ("until", fields.DateField()),
            ],
            options={
                "table": "earlier_parent",
                "app": "models",
                "unique_together": (("team_id", "until"),),
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="QuotaAssignment",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "employee",
                    fields.ForeignKeyField(
                        "models.Employee",
                        source_field="employee_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("since", fields.DateField()),
                ("carries_quota", fields.BooleanField(null=True)),
            ],
            options={
                "table": "quota_assignment",
                "app": "models",
                "unique_together": (("employee_id", "since"),),
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.AddField(model_name="Membership", name="name", field=fields.CharField(null=True, max_length=800)),
        ops.AddField(
            model_name="Membership",
            name="role",
            field=fields.CharEnumField(enum_type=Role, null=True, max_length=20),
        ),
        ops.AddField(model_name="EarlierCalendar", name="changed_at", field=fields.DatetimeField(null=True)),
        ops.RunSQL(_FILL_NAMES, ""),
        ops.RunSQL(_FILL_ROLES, ""),
    ]
