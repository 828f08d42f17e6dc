"""N-grams of integers: counted, smoothed, used to guess. Import the module you need."""
