"""Offline HTML pages: the batch report and the page of one applicant."""
