"""The desks and the first and last screens: thin widgets that copy views of ui.present and pass acts on."""
