"""The pages: one blueprint per area, each route declaring who may call it. No database here: services answer."""
