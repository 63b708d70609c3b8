from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0015_bank_rules_in_sql")]

    operations = [
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                condition=models.Q(state__in=["failed", "expired", "cancelled"]),
                fields=["expires_at"],
                name="payment_given_up",
            ),
        ),
    ]
