"""Programs for a checkout: they measure the engines and make the sample home of the package."""
