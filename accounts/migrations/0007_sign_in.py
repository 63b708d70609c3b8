"""Sign-ins as the security page lists them, and a company's rules of sign-in."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_invitations'),
    ]

    operations = [
        migrations.CreateModel(
            name='SignIn',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('session_key', models.CharField(editable=False, max_length=40, unique=True)),
                ('ip', models.GenericIPAddressField(null=True, verbose_name='IP address')),
                ('user_agent', models.CharField(blank=True, max_length=300, verbose_name='browser')),
                ('created_at', models.DateTimeField(verbose_name='signed in')),
                ('seen_at', models.DateTimeField(verbose_name='last seen')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sign_ins', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'sign-in',
                'verbose_name_plural': 'sign-ins',
            },
        ),
        migrations.AddField(
            model_name='account',
            name='confirm_above',
            field=models.DecimalField(blank=True, decimal_places=6, max_digits=20, null=True, verbose_name='confirm transfers above'),
        ),
        migrations.AddField(
            model_name='account',
            name='needs_second_factor',
            field=models.BooleanField(db_default=False, default=False, verbose_name='second factor needed'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(('master', models.F('id')), models.Q(('confirm_above__isnull', True), ('needs_second_factor', False)), _connector='OR'), name='account_only_master_has_sign_in_rules'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(('confirm_above__isnull', True), ('confirm_above__gte', 0), _connector='OR'), name='account_confirm_above_is_not_negative'),
        ),
        migrations.AddIndex(
            model_name='signin',
            index=models.Index(fields=['user', '-seen_at'], name='sign_in_of_user'),
        ),
    ]
