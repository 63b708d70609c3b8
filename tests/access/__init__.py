"""Who gets where: every route and every id, as everybody who might knock."""
