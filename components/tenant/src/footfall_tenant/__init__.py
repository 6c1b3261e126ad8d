"""Footfall tenant: tenants, projects, resources and goals; publishes the settings."""
