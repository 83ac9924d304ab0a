"""The application's tables, as classes derived from app.db.Model."""
