"""The words side: web pages, cleaning, segmentation, targets. Never imports torch."""
