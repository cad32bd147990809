"""Settings of a simulated world: schema, baseline, scenarios, and the page that lists them."""
